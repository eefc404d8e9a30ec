/**
 * A client on @xmpp/client that logs in by SASL2, Bind 2 and FAST: prints what it says and hears of
 * logins, and does what it is told, a line of JSON each. Arguments: JID PASSWORD SERVICE.
 */

import { client, jid as parseJid, xml } from "@xmpp/client";

const [address, password, service] = Deno.args as [string, string, string];
const { local, domain } = parseJid(address);
const userAgent = xml(
  "user-agent",
  { id: "d4565fa7-4d72-4749-b3d3-740edbf87770" },
  xml("software", {}, "xmpp.js"),
  xml("device", {}, "test"),
);
const xmpp = client({ service, domain, username: local, password, resource: "js", userAgent });
xmpp.reconnect.delay = 50;
// After a resumption it writes an empty string and waits until that is sent, which Deno's TLS sockets
// never say.
const { write } = xmpp;
xmpp.write = async (text: string) => text === "" ? undefined : await write.call(xmpp, text);

function tell(event: Record<string, unknown>): void {
  console.log(JSON.stringify(event));
}

// deno-lint-ignore no-explicit-any
type Stanza = any;

const names = (element: Stanza) =>
  element.getChildElements().map((e: Stanza) => e.name).join(" ") as string;

xmpp.on("error", (e: Error) => tell({ event: "error", why: e.message }));
xmpp.on("send", (element: Stanza) => {
  if (element.is("authenticate")) {
    tell({
      event: "authenticates",
      mechanism: element.attrs.mechanism,
      with: names(element),
      binds: element.getChild("bind") === undefined ? "" : names(element.getChild("bind")),
    });
  } else if (element.is("auth") || element.is("enable") || element.is("resume")) {
    tell({ event: "sends", name: element.name });
  }
});
xmpp.on("nonza", (element: Stanza) => {
  if (element.is("success")) {
    tell({
      event: "success",
      with: names(element),
      jid: element.getChildText("authorization-identifier") ?? "",
      bound: element.getChild("bound") === undefined ? "" : names(element.getChild("bound")),
    });
  } else if (element.is("failure")) {
    tell({ event: "failure", with: names(element) });
  }
});
xmpp.on("online", async (jid: Stanza) => {
  await xmpp.send(xml("presence"));
  tell({ event: "online", jid: jid.toString() });
});
xmpp.streamManagement.on("resumed", () => tell({ event: "resumed" }));
xmpp.on("stanza", (stanza: Stanza) => {
  if (stanza.is("message")) {
    tell({ event: "message", from: stanza.attrs.from, body: stanza.getChildText("body") });
  }
});

await xmpp.start();
let rest = "";
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop()!;
  for (const line of lines) {
    const order = JSON.parse(line) as Record<string, string>;
    if (order.do === "drop") {
      // The TLS socket, which over direct TLS is inside another one.
      (xmpp.socket.socket ?? xmpp.socket).destroy();
      continue;
    }
    const body = xml("body", {}, order.body!);
    await xmpp.send(xml("message", { to: order.to, type: "chat" }, body));
  }
}
await xmpp.stop();
Deno.exit(0);
