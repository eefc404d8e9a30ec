import assert from "node:assert/strict";
import { settingIn } from "../../../../modules/push/chat_settings.ts";
import { parseXml } from "../../../../lib/xml/parser.ts";

Deno.test("XEP-0492 §3: the setting most specific to a phone counts", () => {
  const cases: [string, string | undefined][] = [
    ["<never/>", "never"],
    ["<on-mention/>", "on-mention"],
    ["", undefined],
    ["<sometimes/>", undefined],
    ["<never xmlns='urn:other'/>", undefined],
    ["<always/><never identity-category='client'/>", "never"],
    ["<never identity-category='client'/><always/>", "never"],
    [
      "<on-mention identity-category='client' identity-type='phone'/>" +
      "<never identity-category='client'/><always/>",
      "on-mention",
    ],
    ["<never identity-category='client' identity-type='pc'/><always/>", "always"],
    ["<never identity-category='gateway'/>", undefined],
    // Forbidden: a type without a category.
    ["<never identity-type='phone'/>", undefined],
  ];
  for (const [settings, expected] of cases) {
    const notify = `<notify xmlns='urn:xmpp:notification-settings:1'>${settings}</notify>`;
    assert.equal(settingIn(parseXml(notify)), expected, settings);
  }
});
