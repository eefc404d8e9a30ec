/** SASL EXTERNAL with a client's certificate (RFC 4422 appendix A, XEP-0178 §2). */

import { type Jid, parseJid } from "../jid.ts";
import { then } from "../later.ts";
import type { Mechanism, SaslContext, SaslFailure, SaslStep } from "./mechanism.ts";
import { decodeUtf8 } from "./text.ts";

const NOT_AUTHORIZED: SaslFailure = { kind: "failure", condition: "not-authorized" };
const INVALID_AUTHZID: SaslFailure = { kind: "failure", condition: "invalid-authzid" };

/**
 * Trusts the addresses in a verified certificate. One address that is an account here needs no
 * authorization identity; of several the client must name one; none is nobody.
 */
export function external(context: SaslContext): Mechanism {
  return {
    step(input) {
      const jids = context.certificateJids;
      if (jids === undefined) return NOT_AUTHORIZED;
      const authzid = input && decodeUtf8(input);
      if (authzid === undefined || authzid.includes("\0")) {
        return { kind: "failure", condition: "malformed-request" };
      }
      const ours = localNodes(jids, context.domain);
      return authzid === "" ? chooseOnly(ours, context) : chooseNamed(authzid, ours, context);
    },
  };
}

/** The accounts of this host that a certificate names. */
function localNodes(jids: readonly Jid[], domain: string): string[] {
  const nodes = new Set<string>();
  for (const jid of jids) {
    if (jid.isBare && jid.node !== "" && jid.domain === domain) nodes.add(jid.node);
  }
  return [...nodes];
}

async function chooseOnly(nodes: readonly string[], context: SaslContext): Promise<SaslStep> {
  let found: string | undefined;
  for (const node of nodes) {
    if (context.accountExists !== undefined && !await context.accountExists(node)) continue;
    if (found !== undefined) return INVALID_AUTHZID;
    found = node;
  }
  return found === undefined ? NOT_AUTHORIZED : { kind: "success", node: found };
}

function chooseNamed(authzid: string, nodes: readonly string[], context: SaslContext) {
  const jid = parseJid(authzid);
  if (jid === undefined || !jid.isBare || jid.node === "") return INVALID_AUTHZID;
  if (jid.domain !== context.domain || !nodes.includes(jid.node)) {
    return nodes.length === 0 ? NOT_AUTHORIZED : INVALID_AUTHZID;
  }
  const { node, bare } = jid;
  const exists = context.accountExists === undefined || context.accountExists(node);
  return then(
    exists,
    (yes): SaslStep => yes ? { kind: "success", node, authzid: bare } : NOT_AUTHORIZED,
  );
}
