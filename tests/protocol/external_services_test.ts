/** XEP-0215: External Service Discovery. */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { connect, login, type TestClient } from "../helpers/client.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { reload } from "../../lib/reload.ts";
import { ephemeral } from "../../modules/external_services.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const NS = "urn:xmpp:extdisco:2";
const INFO = "http://jabber.org/protocol/disco#info";

const STUN = { type: "stun", host: "stun.localhost", port: 3478, transport: "udp" };
const TURN = {
  type: "turn",
  host: "turn.localhost",
  port: 3479,
  transport: "udp",
  secret: "of the relay",
};
const FTP = {
  type: "ftp",
  host: "2001:db8::1",
  port: 20,
  transport: "tcp",
  name: "Files",
  username: "guest",
  password: "for all",
};
const SIP = { type: "sip", host: "192.0.2.1", restricted: true };

const with_ = (services: readonly Table[], more: Table = {}): Table => ({
  modules: { external_services: { services, ...more } },
});
const LIST = (type = "") =>
  `<iq type='get' id='e' to='localhost'><services xmlns='${NS}'${type}/></iq>`;
const CREDENTIALS = (inner: string) =>
  `<iq type='get' id='e' to='localhost'><credentials xmlns='${NS}'>${inner}</credentials></iq>`;

function refused(condition: string): string {
  return `<iq type='error' id='e'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

Deno.test("all services, and those of a type (§3.1, §3.2)", () =>
  withServer(with_([STUN, TURN, FTP, SIP]), {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(
      `<iq type='get' id='d' to='localhost'><query xmlns='${INFO}'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${INFO}'><feature var='${NS}'/></query></iq>`,
    );
    await alice.request(
      LIST(),
      `<iq type='result' id='e' from='localhost'><services xmlns='${NS}' type='{absent}'>{only}
        <service host='stun.localhost' port='3478' transport='udp' type='stun'
          username='{absent}' password='{absent}' restricted='{absent}' expires='{absent}'/>
        <service host='turn.localhost' port='3479' transport='udp' type='turn' restricted='true'/>
        <service host='2001:db8::1' port='20' transport='tcp' type='ftp' name='Files'
          username='guest' password='for all' restricted='true' expires='{absent}'/>
        <service host='192.0.2.1' port='{absent}' transport='{absent}' type='sip'
          restricted='true' username='{absent}' password='{absent}'/>
      </services></iq>`,
    );
    await alice.request(
      LIST(" type='stun'"),
      `<iq type='result' id='e'><services xmlns='${NS}' type='stun'>{only}
        <service host='stun.localhost' type='stun'/></services></iq>`,
    );
    await alice.request(
      LIST(" type='nothing'"),
      `<iq type='result' id='e'><services xmlns='${NS}' type='nothing'>{empty}</services></iq>`,
    );
  }));

Deno.test("credentials made from a secret hold for a while (§3.3)", () =>
  withServer(
    with_([TURN, { ...TURN, port: 3480, username: "us" }], { ttl: "1h" }),
    {},
    async (s) => {
      const [alice, again, bob] = [
        await login(s, "alice"),
        await login(s, "alice"),
        await login(s, "bob"),
      ];
      const name = async (client: TestClient, port: string) => {
        const found = await client.request(
          CREDENTIALS(`<service host='TURN.localhost' type='turn' port='${port}'/>`),
          `<iq type='result' id='e'><credentials xmlns='${NS}'>{only}
          <service host='turn.localhost' type='turn' port='${port}' username='{username}'
            password='{password}' expires='{expires}'/></credentials></iq>`,
        );
        const [end, name] = found.username!.split(":");
        const seconds = Number(end) - Date.now() / 1000;
        assert(seconds > 3590 && seconds <= 3600);
        assert.equal(Date.parse(found.expires!), Number(end) * 1000);
        assert(found.expires!.endsWith("Z"));
        const expected = createHmac("sha1", "of the relay").update(found.username!).digest(
          "base64",
        );
        assert.equal(found.password, expected);
        return name;
      };
      assert.equal(await name(alice, "3480"), "us");
      // An account's own, for the server to count; it is no address.
      const own = await name(alice, "3479");
      assert.match(own!, /^[0-9a-f]{16}$/);
      assert.equal(await name(again, "3479"), own);
      assert.notEqual(await name(bob, "3479"), own);
      // Without a port, all of them.
      await alice.request(
        CREDENTIALS("<service host='turn.localhost' type='turn'/>"),
        `<iq type='result' id='e'><credentials xmlns='${NS}'>
        <service port='3479'/><service port='3480'/></credentials></iq>`,
      );
    },
  ));

Deno.test("the scheme of the TURN REST API, by a value worked out elsewhere", () => {
  // printf %s 1433895918:ninefingers | openssl dgst -sha1 -hmac logen -binary | base64
  assert.deepEqual(ephemeral("logen", 1433895918, "ninefingers"), {
    username: "1433895918:ninefingers",
    password: "HY+Vd729N0UZ/xCzjg1F0GsoMK8=",
  });
});

Deno.test("what cannot be asked", () =>
  withServer(with_([STUN, TURN]), {}, async (server) => {
    const alice = await login(server, "alice");
    const refuse = (inner: string, condition: string) =>
      alice.request(CREDENTIALS(inner), refused(condition));
    await refuse("", "bad-request");
    await refuse("<service type='turn'/>", "bad-request");
    await refuse("<service host='turn.localhost'/>", "bad-request");
    await refuse("<service host='elsewhere' type='turn'/>", "item-not-found");
    await refuse("<service host='turn.localhost' type='turn' port='1'/>", "item-not-found");
    // It needs none.
    await refuse("<service host='stun.localhost' type='stun'/>", "item-not-found");
    await alice.request(LIST().replace("'get'", "'set'"), refused("service-unavailable"));
  }));

Deno.test("only those who have logged in here are told, guests if they may", async () => {
  const hosts = { localhost: { anonymous: true }, "other.test": {} };
  for (const guests of [false, true]) {
    await withServer({ hosts, ...with_([TURN], { guests }) }, {}, async (server) => {
      const bob = await login(server, "bob", { domain: "other.test" });
      await bob.request(LIST(), refused("forbidden"));
      const guest = await connect(server, { tls: "direct" });
      await guest.open();
      guest.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>=</auth>");
      await guest.receives("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
      await guest.open();
      await guest.bind();
      await guest.request(
        LIST(),
        guests ? `<iq type='result' id='e'><services xmlns='${NS}'/></iq>` : refused("forbidden"),
      );
    });
  }
});

Deno.test("without a service there is nothing to be found", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(LIST(), refused("service-unavailable"));
    await alice.request(
      `<iq type='get' id='d' to='localhost'><query xmlns='${INFO}'/></iq>`,
      "<iq type='result' id='d'/>",
    );
    assert(!alice.last.toString().includes(NS));
  }));

Deno.test("who has asked is told of changes (§3.2)", () =>
  withServer(with_([STUN, TURN].map(full)), {}, async (server) => {
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");
    const carol = await login(server, "carol");
    await alice.request(LIST(), "<iq type='result'/>");
    await bob.request(LIST(" type='stun'"), "<iq type='result'/>");
    await changed(server, [{ ...TURN, secret: "another" }, FTP].map(full));
    await alice.receives(
      `<iq type='set' from='localhost' to='${alice.jid}' id='{id}'>
        <services xmlns='${NS}' type='{absent}'>{only}
          <service action='modify' host='turn.localhost' type='turn' password='{any}'/>
          <service action='add' host='2001:db8::1' type='ftp' username='guest' password='for all'/>
          <service action='delete' host='stun.localhost' port='3478' transport='udp' type='stun'/>
        </services></iq>`,
    );
    await bob.receives(
      `<iq type='set'><services xmlns='${NS}' type='stun'>{only}
        <service action='delete' host='stun.localhost'/></services></iq>`,
    );
    alice.send("<iq type='result' id='extdisco-1' to='localhost'/>");
    await changed(server, [full(FTP)]);
    await alice.receives(
      `<iq type='set'><services xmlns='${NS}'>{only}<service action='delete'
        type='turn'/></services></iq>`,
    );
    await bob.receivesNothing();
    await carol.receivesNothing();
  }));

const full = (service: Table): Table => ({ restricted: false, ...service });

/** Reloads the server with other services. */
async function changed(server: TestServer, services: readonly Table[]): Promise<void> {
  const { config } = server.inner;
  const hosts = config.hosts.map((host) => {
    const { external_services: old } = host.modules;
    const settings = { ...old!.settings, services };
    return { ...host, modules: { ...host.modules, external_services: { ...old!, settings } } };
  });
  const { changes } = await reload(server.inner, { ...config, hosts });
  assert.equal(changes.length, 1);
}
