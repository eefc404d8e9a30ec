/** XEP-0442: the archives of nodes. */

import { login } from "../helpers/client.ts";
import { create, entry, EVENT, publish, SERVICE, STANZAS } from "../helpers/pubsub.ts";
import { withServer } from "../helpers/server.ts";

const MAM = "urn:xmpp:mam:2";
const modules = ["auth", "disco", "mam", "ping", "presence", "pubsub", "roster"];

Deno.test("what was published is read from the node's archive, by those who may", () =>
  withServer({ modules: { pubsub: { archive: true } } }, { modules }, async (server) => {
    const hamlet = await login(server, "hamlet");
    const horatio = await login(server, "horatio");
    await create(hamlet, "n", "max_items=1", "access_model=whitelist");
    for (const id of ["1", "2"]) await publish(hamlet, "n", id);
    const query = (id: string, node: string, inside = "") =>
      `<iq type='set' id='${id}' to='${SERVICE}'><query xmlns='${MAM}' queryid='q'${node}>${inside}</query></iq>`;
    hamlet.send(query("1", " node='n'"));
    for (const id of ["1", "2"]) {
      await hamlet.receives(
        `<message from='${SERVICE}' to='${hamlet.jid}'><result xmlns='${MAM}' queryid='q'>` +
          "<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay'/><message xmlns='jabber:client'>" +
          `<event xmlns='${EVENT}'><items node='n'><item id='${id}'>${
            entry(id)
          }</item>{only}</items></event>` +
          "</message></forwarded></result></message>",
      );
    }
    await hamlet.receives(`<iq type='result' id='1'><fin xmlns='${MAM}' complete='true'/></iq>`);
    const refused = (id: string, condition: string) =>
      `<iq type='error' id='${id}'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
    await horatio.request(query("2", " node='n'"), refused("2", "not-allowed"));
    await hamlet.request(query("3", " node='x'"), refused("3", "item-not-found"));
    await hamlet.request(query("4", ""), refused("4", "bad-request"));
    await hamlet.request(
      `<iq type='get' id='5' to='${SERVICE}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
      `<iq type='result' id='5'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='${MAM}'/></query></iq>`,
    );
  }));
