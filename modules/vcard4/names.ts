/** What the two kinds of vCard call things (XEP-0292 §11). */

export const TEMP_NS = "vcard-temp";
export const VCARD4_NS = "urn:ietf:params:xml:ns:vcard-4.0";

/** Properties that hold one text, by their names in vcard-temp. NOTE and DESC are one in vCard4. */
export const TEXTS = {
  FN: "fn",
  NICKNAME: "nickname",
  TZ: "tz",
  TITLE: "title",
  ROLE: "role",
  NOTE: "note",
  DESC: "note",
  PRODID: "prodid",
} as const;

/** Parts of structured properties, in the order in which vCard4 wants them. */
export const NAME_PARTS = {
  FAMILY: "surname",
  GIVEN: "given",
  MIDDLE: "additional",
  PREFIX: "prefix",
  SUFFIX: "suffix",
} as const;

export const ADDRESS_PARTS = {
  POBOX: "pobox",
  EXTADD: "ext",
  STREET: "street",
  LOCALITY: "locality",
  REGION: "region",
  PCODE: "code",
  CTRY: "country",
} as const;

/** Kinds of addresses, telephones and mail addresses that both know. */
export const TYPES: readonly string[] = [
  "home",
  "work",
  "text",
  "voice",
  "fax",
  "cell",
  "video",
  "pager",
];

/** What stands in vcard-temp and comes from vCard4; all else in a vcard-temp is left as it is. */
export const CONVERTED_TEMP: ReadonlySet<string> = new Set([
  ...Object.keys(TEXTS),
  "N",
  "BDAY",
  "ADR",
  "TEL",
  "EMAIL",
  "JABBERID",
  "GEO",
  "ORG",
  "CATEGORIES",
  "REV",
  "UID",
  "URL",
  "KEY",
  "LOGO",
  "SOUND",
]);

/** The other way round. A photo that is no data is in both; one that is belongs to the avatar. */
export const CONVERTED_4: ReadonlySet<string> = new Set([
  ...Object.values(TEXTS),
  "n",
  "bday",
  "adr",
  "tel",
  "email",
  "impp",
  "geo",
  "org",
  "categories",
  "rev",
  "uid",
  "url",
  "key",
  "logo",
  "sound",
]);
