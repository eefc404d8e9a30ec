/** Pages of invitations: what is written by others stays text, and the QR code says what it should. */

import assert from "node:assert/strict";
import decodeQR from "qr/decode.js";
import { platformOf } from "../../../modules/invites/apps.ts";
import { invitationUri } from "../../../modules/invites/book.ts";
import { invitationPage, qrCode } from "../../../modules/invites/page.ts";

const ROW = {
  digest: "",
  contact: "",
  username: "",
  register: 1,
  uses: 1,
  used: 0,
  created: 0,
  expires: 1,
  made_by: "test",
};

Deno.test("URIs (XEP-0401 §5), with what RFC 5122 wants encoded", () => {
  const uri = (row: Partial<typeof ROW>) => invitationUri("example.org", { ...ROW, ...row }, "T");
  assert.equal(uri({}), "xmpp:example.org?register;preauth=T");
  assert.equal(uri({ username: "juliet" }), "xmpp:juliet@example.org?register;preauth=T");
  assert.equal(uri({ contact: "alice" }), "xmpp:alice@example.org?roster;preauth=T;ibr=y");
  assert.equal(uri({ contact: "alice", register: 0 }), "xmpp:alice@example.org?roster;preauth=T");
  assert.equal(
    uri({ contact: "a;b?c=ü", register: 0 }),
    "xmpp:a%3Bb%3Fc%3D%C3%BC@example.org?roster;preauth=T",
  );
});

Deno.test("nothing that others write becomes markup", async () => {
  const evil = `"><script>alert('1')</script>`;
  const page = String(
    await invitationPage({
      domain: "example.org",
      contact: `${evil}@example.org`,
      uri: `xmpp:${evil}`,
      expires: Date.UTC(2026, 0, 2),
      platform: "linux",
      register: true,
      form: { username: evil, fixed: false, problem: evil },
    }),
  );
  assert(!page.includes("<script"));
  assert(page.includes("&lt;script&gt;alert"));
  assert(page.includes("Good until January 2, 2026."));
});

Deno.test("the QR code holds the URI", async () => {
  const uri = "xmpp:alice@example.org?roster;preauth=kGq1x0Ff3EoTz8cWnV2bYh7L;ibr=y";
  const svg = String(await qrCode(uri));
  const size = Number(/viewBox="0 0 (\d+) /.exec(svg)![1]);
  const scale = 8;
  const side = size * scale;
  const data = new Uint8Array(side * side * 4).fill(255);
  for (const [, x, y, run] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1/g)) {
    for (let dy = 0; dy < scale; dy++) {
      for (let dx = 0; dx < Number(run) * scale; dx++) {
        const at = ((Number(y) * scale + dy) * side + Number(x) * scale + dx) * 4;
        data.fill(0, at, at + 3);
      }
    }
  }
  assert.equal(decodeQR({ width: side, height: side, data }), uri);
});

Deno.test("what nobody knows gets what needs no system", () => {
  assert.equal(platformOf(""), "web");
  assert.equal(platformOf("Mozilla/5.0 (X11; CrOS x86_64)"), "web");
});
