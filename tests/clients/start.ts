/** How the clients that speak lines of JSON are started. */

import { fileURLToPath } from "node:url";
import type { Confab } from "../cli/process.ts";
import { LineClient } from "./line_client.ts";

/** Logs an account in. */
export type Start = (confab: Confab, jid: string, password: string) => LineClient;

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const certificate = (confab: Confab) => `${confab.data}/certs/localhost.crt`;

function piped(program: string, args: string[]): Deno.Command {
  return new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" });
}

/** @xmpp/client over STARTTLS, or TLS from the first byte; with another script, too. */
export function xmppJs(
  scheme: "xmpp" | "xmpps",
  trusting = true,
  script = "xmpp_js_chat.ts",
): Start {
  return (confab, jid, password) => {
    const port = scheme === "xmpp" ? confab.server.port : confab.server.tlsPort;
    return new LineClient(
      piped(Deno.execPath(), [
        "run",
        "-A",
        "--quiet",
        ...(trusting ? [`--cert=${certificate(confab)}`] : []),
        file(script),
        jid,
        password,
        `${scheme}://localhost:${port}`,
      ]),
    );
  };
}

/** slixmpp over STARTTLS; another script than that for chats may be named. */
export function slixmpp(python: string, script = "slixmpp_chat.py"): Start {
  return (confab, jid, password) =>
    new LineClient(
      piped(python, [
        file(script),
        jid,
        password,
        "127.0.0.1",
        String(confab.server.port),
        certificate(confab),
      ]),
    );
}
