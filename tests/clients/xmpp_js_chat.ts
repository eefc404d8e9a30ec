/**
 * A client on @xmpp/client: prints what it sees, and does what it is told, a line of JSON each.
 * Arguments: JID PASSWORD SERVICE. Deno's `--cert` says which certificate is trusted.
 */

import { client, jid as parseJid, xml } from "@xmpp/client";

const [address, password, service] = Deno.args as [string, string, string];
const { local, domain } = parseJid(address);
const xmpp = client({ service, domain, username: local, password });

function tell(event: Record<string, unknown>): void {
  console.log(JSON.stringify(event));
}

const ROSTER = "jabber:iq:roster";
const SM = "urn:xmpp:sm:3";

// deno-lint-ignore no-explicit-any
type Stanza = any;

xmpp.on("error", (e: Error) => tell({ event: "error", why: e.message }));
xmpp.on("offline", () => tell({ event: "disconnected" }));
xmpp.on("stanza", (stanza: Stanza) => {
  const { from, type } = stanza.attrs;
  if (stanza.is("message")) {
    tell({ event: "message", from, type, body: stanza.getChildText("body") });
  } else if (stanza.is("presence")) {
    const status = stanza.getChildText("status") ?? "";
    tell({ event: "presence", from, type: type ?? "available", status });
  }
});
// Its own event does not come if there is nothing to be sent again.
xmpp.on("element", (element: Stanza) => {
  const resumed = element.is("resumed", SM) || element.getChild?.("resumed", SM) !== undefined;
  if (resumed) tell({ event: "resumed" });
});
xmpp.iqCallee.set(ROSTER, "query", ({ element }: { element: Stanza }) => {
  rosterItems(element);
  return true;
});
xmpp.on("online", async (jid: Stanza) => {
  const roster = await xmpp.iqCaller.get(xml("query", ROSTER));
  rosterItems(roster);
  await xmpp.send(xml("presence"));
  tell({ event: "online", jid: jid.toString(), secure: xmpp.socket.secure === true });
});

function rosterItems(query: Stanza): void {
  for (const item of query.getChildren("item")) {
    const { jid, subscription, name = "" } = item.attrs;
    tell({ event: "roster", jid, subscription, name });
  }
}

async function obey(order: Record<string, string>): Promise<void> {
  const { to } = order;
  switch (order.do) {
    case "message":
      await xmpp.send(xml("message", { to, type: "chat" }, xml("body", {}, order.body!)));
      return;
    case "cut":
      (xmpp.socket.socket ?? xmpp.socket).destroy();
      return;
    case "status":
      await xmpp.send(xml("presence", {}, xml("status", {}, order.status!)));
      return;
    case "name":
      await xmpp.iqCaller.set(xml("query", ROSTER, xml("item", { jid: to, name: order.name })));
      return;
    default:
      await xmpp.send(xml("presence", { to, type: order.do }));
  }
}

await xmpp.start();
let rest = "";
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop()!;
  for (const line of lines) await obey(JSON.parse(line));
}
await xmpp.stop();
Deno.exit(0);
