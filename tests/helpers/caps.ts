/** Clients that announce what they can do (XEP-0115), and answer when the server asks. */

import { createHash } from "node:crypto";
import type { TestClient } from "./client.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const CAPS = "http://jabber.org/protocol/caps";

/** A presence with the capabilities of a client that has these features. */
export function presenceWith(features: readonly string[], inside = ""): string {
  return `<presence>${inside}<c xmlns='${CAPS}' hash='sha-1' node='urn:test' ver='${
    verOf(features)
  }'/></presence>`;
}

function verOf(features: readonly string[]): string {
  const text = "client/pc//Test<" + [...features].sort().map((f) => `${f}<`).join("");
  return createHash("sha1").update(text).digest("base64");
}

/**
 * Sends initial presence with capabilities. The server asks for them if nobody has shown them before:
 * with `asked` the question is answered.
 */
export async function showFeatures(
  client: TestClient,
  features: readonly string[],
  { asked = true, inside = "" } = {},
): Promise<void> {
  client.send(presenceWith(features, inside));
  if (!asked) return;
  const { id } = await client.eventually(
    `<iq type='get' id='{id}'><query xmlns='${INFO}' node='urn:test#${verOf(features)}'/></iq>`,
  );
  const list = features.map((f) => `<feature var='${f}'/>`).join("");
  client.send(
    `<iq type='result' id='${id}' to='localhost'><query xmlns='${INFO}' node='urn:test#${
      verOf(features)
    }'><identity category='client' type='pc' name='Test'/>${list}</query></iq>`,
  );
}
