/**
 * A client on @xmpp/client in rooms: prints what it sees, and does what it is told, a line of JSON each.
 * Arguments: JID PASSWORD SERVICE. Deno's `--cert` says which certificate is trusted. The library knows
 * no rooms: what is sent and read here is XEP-0045 as its examples have it.
 */

import { client, jid as parseJid, xml } from "@xmpp/client";

const [address, password, service] = Deno.args as [string, string, string];
const { local, domain } = parseJid(address);
const xmpp = client({ service, domain, username: local, password });

const MUC = "http://jabber.org/protocol/muc";
const MAM = "urn:xmpp:mam:2";
const SM = "urn:xmpp:sm:3";

// deno-lint-ignore no-explicit-any
type Stanza = any;

/** Bodies that an archive has sent. */
const found: string[] = [];

function tell(event: Record<string, unknown>): void {
  console.log(JSON.stringify(event));
}

xmpp.on("error", (e: Error) => tell({ event: "error", why: e.message }));
xmpp.on("element", (element: Stanza) => {
  const resumed = element.is("resumed", SM) || element.getChild?.("resumed", SM) !== undefined;
  if (resumed) tell({ event: "resumed" });
});
xmpp.on("online", async (jid: Stanza) => {
  await xmpp.send(xml("presence"));
  tell({ event: "online", jid: jid.toString() });
});
xmpp.on("stanza", (stanza: Stanza) => {
  const { from, type = "" } = stanza.attrs;
  if (type === "error" && !stanza.is("iq")) {
    const condition = stanza.getChild("error").getChildElements()[0].name;
    tell({ event: "refused", from, condition });
  } else if (stanza.is("presence")) {
    const x = stanza.getChild("x", `${MUC}#user`);
    if (x === undefined) return;
    const { role, affiliation, nick = "" } = x.getChild("item").attrs;
    const codes = x.getChildren("status").map((status: Stanza) => status.attrs.code).sort().join(
      " ",
    );
    tell({ event: "presence", from, type, role, affiliation, nick, codes });
  } else if (stanza.is("message")) {
    onMessage(stanza);
  }
});

function onMessage(stanza: Stanza): void {
  const { from, type = "" } = stanza.attrs;
  const result = stanza.getChild("result", MAM);
  if (result !== undefined) {
    const body = result.getChild("forwarded", "urn:xmpp:forward:0").getChild("message")
      .getChildText("body");
    if (body !== null) found.push(body);
    return;
  }
  const body = stanza.getChildText("body");
  const subject = stanza.getChildText("subject");
  const late = stanza.getChild("delay", "urn:xmpp:delay") !== undefined;
  if (body !== null) tell({ event: "message", from, type, body, late });
  else if (subject !== null) tell({ event: "subject", from, text: subject });
}

async function obey(order: Record<string, string>): Promise<void> {
  const { room, nick, body } = order;
  switch (order.do) {
    case "enter":
      await xmpp.send(xml("presence", { to: `${room}/${nick}` }, xml("x", MUC)));
      return;
    case "leave":
      await xmpp.send(xml("presence", { to: `${room}/${nick}`, type: "unavailable" }));
      return;
    case "say":
      await xmpp.send(xml("message", { to: room, type: "groupchat" }, xml("body", {}, body!)));
      return;
    case "whisper":
      await xmpp.send(
        xml(
          "message",
          { to: `${room}/${nick}`, type: "chat" },
          xml("body", {}, body!),
          xml("x", `${MUC}#user`),
        ),
      );
      return;
    case "cut":
      (xmpp.socket.socket ?? xmpp.socket).destroy();
      return;
    case "archive":
      await xmpp.iqCaller.set(xml("query", MAM), room);
      tell({ event: "archive", bodies: found.splice(0) });
      return;
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
