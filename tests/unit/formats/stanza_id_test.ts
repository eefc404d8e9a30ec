import assert from "node:assert/strict";
import {
  hasStanzaId,
  newStanzaId,
  originId,
  stampStanzaId,
  stanzaIdBy,
  stripStanzaIds,
} from "../../../lib/formats/stanza_id.ts";
import { parseStored } from "../../../lib/formats/stored.ts";

const SID = "urn:xmpp:sid:0";

Deno.test("XEP-0359: ids are stamped, found by their maker, and stripped", () => {
  const m = parseStored(
    `<message to='a@b'><body>x</body><origin-id xmlns='${SID}' id='o'/></message>`,
  );
  assert(!hasStanzaId(m));
  const id = newStanzaId();
  const stamped = stampStanzaId(m, "a@b", id);
  assert(hasStanzaId(stamped));
  assert.equal(stanzaIdBy(stamped, "a@b"), id);
  assert.equal(stanzaIdBy(stamped, "c@d"), undefined);
  assert.equal(originId(stamped), "o");
  // The text goes along.
  assert.equal(stanzaIdBy(parseStored(stamped.wire()), "a@b"), id);
  assert.equal(stripStanzaIds(stamped, (by) => by === "c@d"), stamped);
  const clean = stripStanzaIds(stamped, (by) => by === "a@b");
  assert(!hasStanzaId(clean));
  assert.equal(originId(clean), "o");
  assert(!clean.wire().includes(id));
});
