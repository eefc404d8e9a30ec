/** A vCard4 (RFC 6351) as a vcard-temp (XEP-0054): XEP-0292 §11 read from right to left. */

import type { Child, Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";
import { ADDRESS_PARTS, CONVERTED_TEMP, NAME_PARTS, TEMP_NS, TYPES, VCARD4_NS } from "./names.ts";

/**
 * Fields of `before`, the vcard-temp so far, that a vCard4 cannot have are kept, and so is its photo,
 * which belongs to the avatar.
 */
export function toTemp(card: Element, before: Element | undefined): Element {
  // vCard4 has one kind of note; what was NOTE stays it.
  const notes = new Set(before?.elements("NOTE").map((e) => e.text().trim()));
  const fields: Element[] = [];
  for (const property of card.elements()) {
    if (property.ns === VCARD4_NS) fields.push(...convert(property, notes));
  }
  const kept = before?.elements().filter((e) => e.ns !== TEMP_NS || !CONVERTED_TEMP.has(e.name));
  return xml("vCard", TEMP_NS, {}, ...fields, ...kept ?? []);
}

const TEXTS: Readonly<Record<string, string>> = {
  fn: "FN",
  nickname: "NICKNAME",
  tz: "TZ",
  title: "TITLE",
  role: "ROLE",
  prodid: "PRODID",
  bday: "BDAY",
  rev: "REV",
  uid: "UID",
  url: "URL",
};

function convert(property: Element, notes: ReadonlySet<string>): Element[] {
  const text = valueOf(property);
  const name = TEXTS[property.name];
  if (name !== undefined) return text === "" ? [] : [field(name, text)];
  switch (property.name) {
    case "note":
      return text === "" ? [] : [field(notes.has(text) ? "NOTE" : "DESC", text)];
    case "n":
      return [field("N", ...parts(property, NAME_PARTS))];
    case "adr":
      return [field("ADR", ...types(property), ...parts(property, ADDRESS_PARTS))];
    case "tel": {
      // RFC 3966: parameters follow a semicolon.
      const number = text.replace(/^tel:/i, "").split(";", 1)[0]!;
      return number === "" ? [] : [field("TEL", ...types(property), field("NUMBER", number))];
    }
    case "email": {
      if (text === "") return [];
      return [field("EMAIL", field("INTERNET"), ...types(property), field("USERID", text))];
    }
    case "impp": {
      const jid = /^xmpp:([^?;]+)/i.exec(text)?.[1];
      return jid === undefined ? [] : [field("JABBERID", decoded(jid))];
    }
    case "geo": {
      const [, lat, lon] = /^geo:(-?[\d.]+),(-?[\d.]+)/i.exec(text) ?? [];
      if (lat === undefined || lon === undefined) return [];
      return [field("GEO", field("LAT", lat), field("LON", lon))];
    }
    case "org": {
      const [first, ...units] = property.elements("text").map((e) => e.text().trim());
      if (first === undefined) return [];
      return [field("ORG", field("ORGNAME", first), ...units.map((u) => field("ORGUNIT", u)))];
    }
    case "categories": {
      const words = property.elements("text").map((e) => e.text().trim()).filter((w) => w !== "");
      return words.length === 0
        ? []
        : [field("CATEGORIES", ...words.map((w) => field("KEYWORD", w)))];
    }
    case "key":
      return text === "" ? [] : [field("KEY", field("CRED", text))];
    case "logo":
    case "sound":
      return media(property.name, text);
  }
  return [];
}

function media(name: string, uri: string): Element[] {
  if (uri === "") return [];
  const [, type, data] = /^data:([^;,]*);base64,([A-Za-z0-9+/=\s]*)$/.exec(uri) ?? [];
  if (data === undefined) return [field(name.toUpperCase(), field("EXTVAL", uri))];
  const dense = data.replaceAll(/\s+/g, "");
  // A SOUND has no TYPE in vcard-temp.
  const kind = name === "logo" && field("TYPE", type || "image/png");
  return [field(name.toUpperCase(), kind, field("BINVAL", dense))];
}

function field(name: string, ...children: Child[]): Element {
  return xml(name, TEMP_NS, {}, ...children);
}

/** The text of a property's value, whatever type it has. */
function valueOf(property: Element): string {
  const value = property.elements().find((e) => e.ns === VCARD4_NS && e.name !== "parameters");
  return value?.text().trim() ?? "";
}

function parts(property: Element, names: Readonly<Record<string, string>>): Element[] {
  return Object.entries(names).flatMap(([temp, name]) => {
    const text = property.elements(name).map((e) => e.text().trim()).join(", ");
    return property.child(name) === undefined ? [] : [field(temp, text)];
  });
}

/** Types and preference as the elements of vcard-temp. */
function types(property: Element): Element[] {
  const parameters = property.child("parameters");
  const named =
    parameters?.elements("type").flatMap((e) =>
      e.elements("text").map((t) => t.text().trim().toLowerCase())
    ) ?? [];
  const found = TYPES.filter((type) => named.includes(type)).map((type) =>
    field(type.toUpperCase())
  );
  return parameters?.child("pref") === undefined ? found : [...found, field("PREF")];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
