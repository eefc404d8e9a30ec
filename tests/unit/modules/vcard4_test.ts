import assert from "node:assert/strict";
import type { Element } from "../../../lib/xml/element.ts";
import { fingerprint } from "../../../lib/xml/fingerprint.ts";
import { parseXml } from "../../../lib/xml/parser.ts";
import { toTemp } from "../../../modules/vcard4/to_temp.ts";
import { toVcard4 } from "../../../modules/vcard4/to_vcard4.ts";

const temp = (text: string) => parseXml(`<vCard xmlns='vcard-temp'>${text}</vCard>`);
const four = (text: string) =>
  parseXml(`<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'>${text}</vcard>`);

function same(actual: Element, expected: Element): void {
  assert.equal(actual.toString(), expected.toString().replaceAll(/>\s+</g, "><"));
}

// Both sides say the same; XEP-0292 §11 and §12.
const TEMP = `<FN>Peter Saint-Andre</FN>
  <N><FAMILY>Saint-Andre</FAMILY><GIVEN>Peter</GIVEN><MIDDLE/></N>
  <NICKNAME>stpeter</NICKNAME><NICKNAME>psa</NICKNAME><BDAY>1966-08-06</BDAY>
  <ADR><WORK/><PREF/><EXTADD>Suite 600</EXTADD><STREET>1899 Wynkoop Street</STREET>
    <LOCALITY>Denver</LOCALITY><REGION>CO</REGION><PCODE>80202</PCODE><CTRY>USA</CTRY></ADR>
  <TEL><WORK/><VOICE/><PREF/><NUMBER>+1-303-308-3282</NUMBER></TEL>
  <TEL><TEXT/><VOICE/><CELL/><NUMBER>+1-720-256-6756</NUMBER></TEL>
  <EMAIL><INTERNET/><PREF/><USERID>stpeter@jabber.org</USERID></EMAIL>
  <JABBERID>stpeter@jabber.org</JABBERID><TZ>America/Denver</TZ>
  <GEO><LAT>39.59</LAT><LON>-105.01</LON></GEO><TITLE>Executive Director</TITLE>
  <ROLE>Patron Saint</ROLE><LOGO><TYPE>image/jpeg</TYPE><BINVAL>/9j/4AAQ</BINVAL></LOGO>
  <ORG><ORGNAME>XSF</ORGNAME><ORGUNIT>Board</ORGUNIT></ORG>
  <CATEGORIES><KEYWORD>a</KEYWORD><KEYWORD>b</KEYWORD></CATEGORIES>
  <UID>urn:uuid:1</UID><URL>https://stpeter.im/</URL><KEY><CRED>-----BEGIN</CRED></KEY>
  <SOUND><EXTVAL>https://a/b.ogg</EXTVAL></SOUND><DESC>More about me</DESC>`;
const FOUR = `<fn><text>Peter Saint-Andre</text></fn>
  <n><surname>Saint-Andre</surname><given>Peter</given><additional/></n>
  <nickname><text>stpeter</text></nickname><nickname><text>psa</text></nickname>
  <bday><date>1966-08-06</date></bday>
  <adr><parameters><type><text>work</text></type><pref><integer>1</integer></pref></parameters>
    <ext>Suite 600</ext><street>1899 Wynkoop Street</street><locality>Denver</locality>
    <region>CO</region><code>80202</code><country>USA</country></adr>
  <tel><parameters><type><text>work</text><text>voice</text></type>
    <pref><integer>1</integer></pref></parameters><uri>tel:+1-303-308-3282</uri></tel>
  <tel><parameters><type><text>text</text><text>voice</text><text>cell</text></type></parameters>
    <uri>tel:+1-720-256-6756</uri></tel>
  <email><parameters><pref><integer>1</integer></pref></parameters>
    <text>stpeter@jabber.org</text></email>
  <impp><uri>xmpp:stpeter@jabber.org</uri></impp><tz><text>America/Denver</text></tz>
  <geo><uri>geo:39.59,-105.01</uri></geo><title><text>Executive Director</text></title>
  <role><text>Patron Saint</text></role><logo><uri>data:image/jpeg;base64,/9j/4AAQ</uri></logo>
  <org><text>XSF</text><text>Board</text></org>
  <categories><text>a</text><text>b</text></categories>
  <uid><uri>urn:uuid:1</uri></uid><url><uri>https://stpeter.im/</uri></url>
  <key><text>-----BEGIN</text></key><sound><uri>https://a/b.ogg</uri></sound>
  <note><text>More about me</text></note>`;

Deno.test("vcard4: field by field, both ways", () => {
  same(toVcard4(temp(TEMP), undefined), four(FOUR));
  same(toTemp(four(FOUR), undefined), temp(TEMP));
});

Deno.test("vcard4: what the other form cannot say stays", () => {
  const extra = "<gender><sex><text>M</text></sex></gender><impp><uri>sip:a@b</uri></impp>" +
    "<photo><uri>https://a/b.jpg</uri></photo><x xmlns='urn:x'>y</x>";
  const before = four(`<fn><text>Old</text></fn><impp><uri>xmpp:old@x</uri></impp>${extra}`);
  same(toVcard4(temp("<FN>New</FN>"), before), four(`<fn><text>New</text></fn>${extra}`));
  const kept = "<PHOTO><TYPE>image/png</TYPE><BINVAL>AAAA</BINVAL></PHOTO><LABEL>l</LABEL>" +
    "<MAILER>m</MAILER><X-ABC>d</X-ABC><y xmlns='urn:y'/>";
  const old = temp(`<FN>Old</FN><JABBERID>old@x</JABBERID>${kept}`);
  same(toTemp(four("<fn><text>New</text></fn>"), old), temp(`<FN>New</FN>${kept}`));
});

Deno.test("vcard4: a NOTE stays a NOTE, any other note is a DESC", () => {
  const note = four("<note><text>one</text></note><note><text>two</text></note>");
  same(toTemp(note, temp("<NOTE>two</NOTE>")), temp("<DESC>one</DESC><NOTE>two</NOTE>"));
  same(toVcard4(temp("<DESC>one</DESC><NOTE>two</NOTE>"), undefined), note);
});

Deno.test("vcard4: there and back is the same", () => {
  const here = temp(TEMP);
  const there = toVcard4(here, undefined);
  assert.equal(fingerprint(toTemp(there, here)), fingerprint(here));
  assert.equal(fingerprint(toVcard4(toTemp(there, here), there)), fingerprint(there));
});

Deno.test("vcard4: odd values", () => {
  same(
    toTemp(
      four(`<bday><text>circa 1800</text></bday><tel><text>+49 1</text></tel>
        <tel><uri>tel:+49-2;ext=3</uri></tel><impp><uri>xmpp:a%20b@c?message</uri></impp>
        <n><given>A</given><given>B</given></n><geo><uri>nowhere</uri></geo><fn/><url><uri/></url>
        <logo><uri>data:,hello</uri></logo><uid><text>x</text></uid>`),
      undefined,
    ),
    temp(`<BDAY>circa 1800</BDAY><TEL><NUMBER>+49 1</NUMBER></TEL>
      <TEL><NUMBER>+49-2</NUMBER></TEL><JABBERID>a b@c</JABBERID>
      <N><GIVEN>A, B</GIVEN></N><LOGO><EXTVAL>data:,hello</EXTVAL></LOGO><UID>x</UID>`),
  );
  same(
    toVcard4(
      temp(`<BDAY>soon</BDAY><TEL><NUMBER>+49 1 2</NUMBER></TEL><TEL/><EMAIL/><GEO/><ORG/>
        <CATEGORIES/><UID>x</UID><LOGO/><PHOTO><BINVAL>AAAA</BINVAL></PHOTO><FN/>`),
      undefined,
    ),
    four(
      `<bday><text>soon</text></bday><tel><uri>tel:+49-1-2</uri></tel><uid><text>x</text></uid>`,
    ),
  );
});
