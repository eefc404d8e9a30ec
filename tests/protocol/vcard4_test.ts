/** XEP-0292: vCard4 Over XMPP, and its conversion from and to vcard-temp. */

import { login, online } from "../helpers/client.ts";
import {
  event,
  found,
  interested,
  items,
  publish,
  PUBLISHED,
  publishOptions,
  soon,
} from "../helpers/pep.ts";
import { withServer } from "../helpers/server.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const INFO = "http://jabber.org/protocol/disco#info";
const NS = "urn:ietf:params:xml:ns:vcard-4.0";
const NODE = "urn:xmpp:vcard4";

const CARD = "<iq type='get' id='v' to='alice@localhost'><vCard xmlns='vcard-temp'/></iq>";
const GOT = (inner: string) =>
  `<iq type='result' id='v'><vCard xmlns='vcard-temp'>${inner}</vCard></iq>`;
const SET = (inner: string) =>
  `<iq type='set' id='s'><vCard xmlns='vcard-temp'>${inner}</vCard></iq>`;
const DONE = "<iq type='result' id='s'/>";
const FOUR = (inner: string) => `<vcard xmlns='${NS}'>${inner}</vcard>`;

Deno.test("a vCard4 is there as a vCard, for everybody", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const bob = await online(server, "bob");
    await alice.request(
      `<iq type='get' id='d' to='alice@localhost'><query xmlns='${INFO}'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${INFO}'><feature var='${NS}'/></query></iq>`,
    );
    const photo = "<PHOTO><TYPE>image/png</TYPE><BINVAL>AAAA</BINVAL></PHOTO>";
    await alice.request(SET(`<FN>Old</FN><URL>https://old/</URL>${photo}<LABEL/>`), DONE);
    const card = FOUR(`<fn><text>Samantha Mizzi</text></fn><nickname><text>Sam</text></nickname>
      <tel><parameters><type><text>cell</text></type></parameters><uri>tel:+1-1</uri></tel>
      <gender><sex><text>F</text></sex></gender>`);
    await alice.request(publish(NODE, "mine", card), PUBLISHED);
    await soon(
      bob,
      CARD,
      GOT(`{only}<FN>Samantha Mizzi</FN><NICKNAME>Sam</NICKNAME>
        <TEL>{only}<CELL/><NUMBER>+1-1</NUMBER></TEL>${photo}<LABEL/>`),
    );
    // The node is as open as the vCard.
    await bob.request(
      items(NODE, "alice@localhost"),
      found(NODE, `{only}<item id='mine'>${card}</item>`),
    );
  }));

Deno.test("a vCard is there as a vCard4, which keeps what only it can say", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const other = await login(server, "alice");
    await interested(other, NODE);
    other.skip();
    await alice.request(SET("<FN>Alice</FN><DESC>hi</DESC>"), DONE);
    const first = FOUR("{only}<fn><text>Alice</text></fn><note><text>hi</text></note>");
    await other.eventually(event("alice@localhost", NODE, `<item id='current'>${first}</item>`));
    const gender = "<gender><sex><text>F</text></sex></gender>";
    await other.request(publish(NODE, "mine", FOUR(`<fn><text>A</text></fn>${gender}`)), PUBLISHED);
    await soon(alice, CARD, GOT("{only}<FN>A</FN>"));
    await alice.request(SET("<FN>Alice</FN><ROLE>r</ROLE>"), DONE);
    await alice.request(
      items(NODE),
      found(
        NODE,
        `<item id='mine'>${
          FOUR(`{only}<fn><text>Alice</text></fn><role><text>r</text></role>${gender}`)
        }</item>`,
      ),
    );
    // Nothing new, nobody told; and what went there does not come back.
    await alice.receivesNothing(50);
    other.skip();
    await alice.request(SET("<FN>Alice</FN><ROLE>r</ROLE><MAILER>m</MAILER>"), DONE);
    await alice.receivesNothing(50);
    await other.receivesNothing();
    await alice.request(CARD, GOT("{only}<FN>Alice</FN><ROLE>r</ROLE><MAILER>m</MAILER>"));
    const number = "<TEL><HOME/><MODEM/><NUMBER>1 2</NUMBER></TEL>";
    await alice.request(SET(`<FN>Alice</FN>${number}`), DONE);
    await other.eventually(event("alice@localhost", NODE, "<item id='mine'/>"));
    await alice.receivesNothing(50);
    await alice.request(CARD, GOT(`{only}<FN>Alice</FN>${number}`));
  }));

Deno.test("a vCard4 for some is not shown to all", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const card = FOUR("<fn><text>Secret</text></fn>");
    const presence = publishOptions({ access_model: "presence" });
    await alice.request(publish(NODE, "mine", card, presence), PUBLISHED);
    await alice.receivesNothing(100);
    await alice.request(CARD, "<iq type='error' id='v'/>");
  }));

Deno.test("what is no vCard4, and one that is too large", () =>
  withServer({ modules: { vcard: { bytes: 1024 } } }, {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(
      publish(NODE, "mine", "<vcard xmlns='urn:x'/>"),
      `<iq type='error' id='pub'><error><bad-request xmlns='${STANZAS}'/></error></iq>`,
    );
    const large = FOUR(`<note><text>${"x".repeat(1100)}</text></note>`);
    await alice.request(publish(NODE, "mine", large), PUBLISHED);
    await alice.receivesNothing(100);
    await alice.request(CARD, "<iq type='error' id='v'/>");
  }));
