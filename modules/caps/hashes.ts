/**
 * The hashes of entity capabilities over a disco#info `<query/>`: XEP-0115 §5 and XEP-0390 §4.
 * Both return `undefined` for what their texts call ill-formed.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Element } from "../../lib/xml/element.ts";
import { DISCO_INFO_NS } from "../../lib/formats/disco.ts";
import { FORMS_NS } from "../../lib/formats/form.ts";

/** Names of hash functions (XEP-0300; for XEP-0115 those of IANA) as node:crypto calls them. */
const CAPS1_HASHES: ReadonlyMap<string, string> = new Map([
  ["sha-1", "sha1"],
  ["sha-256", "sha256"],
  ["sha-384", "sha384"],
  ["sha-512", "sha512"],
]);

/** SHA-1 and MD5 are not to be used (XEP-0300 §4). In order of preference. */
const CAPS2_HASHES: ReadonlyMap<string, string> = new Map([
  ["sha-256", "sha256"],
  ["sha3-256", "sha3-256"],
  ["sha-512", "sha512"],
  ["sha3-512", "sha3-512"],
  ["blake2b-512", "blake2b512"],
]);

export function isCaps1Hash(name: string): boolean {
  return CAPS1_HASHES.has(name);
}

/** The names of the supported hash functions of XEP-0390, best first. */
export const caps2Hashes: readonly string[] = [...CAPS2_HASHES.keys()];

/** The `ver` of XEP-0115 for an input string. @param hash a name for which `isCaps1Hash` */
export function caps1Hash(input: string, hash: string): string {
  return createHash(CAPS1_HASHES.get(hash)!).update(input, "utf8").digest("base64");
}

/** The hash of XEP-0390 for an input. @param hash one of {@link caps2Hashes} */
export function caps2Hash(input: Uint8Array, hash: string): string {
  return createHash(CAPS2_HASHES.get(hash)!).update(input).digest("base64");
}

// ---- XEP-0115 §5.1 ----

/** The string S; `undefined` if the response is ill-formed (§5.4, 3.3 to 3.5). */
export function caps1Input(query: Element): string | undefined {
  const identities = identitiesOf(query);
  const features = featuresOf(query);
  const forms = formsOf(query);
  if (identities === undefined || features === undefined || forms === undefined) return undefined;
  identities.sort((a, b) => byOctets(a[0], b[0]) || byOctets(a[1], b[1]) || byOctets(a[2], b[2]));
  let s = "";
  for (const identity of identities) s += identity.join("/") + "<";
  for (const feature of features.sort(byOctets)) s += feature + "<";
  for (const [formType, fields] of forms.sort((a, b) => byOctets(a[0], b[0]))) {
    s += formType + "<";
    for (const [name, values] of fields.sort((a, b) => byOctets(a[0], b[0]))) {
      s += name + "<";
      for (const value of values.sort(byOctets)) s += value + "<";
    }
  }
  return s;
}

type Identity = [category: string, type: string, lang: string, name: string];

function identitiesOf(query: Element): Identity[] | undefined {
  const seen = new Set<string>();
  const found: Identity[] = [];
  for (const { attrs } of query.elements("identity", DISCO_INFO_NS)) {
    const { category = "", type = "", name = "" } = attrs;
    const identity: Identity = [category, type, attrs["xml:lang"] ?? "", name];
    const key = identity.join("\0");
    if (seen.has(key)) return undefined;
    seen.add(key);
    found.push(identity);
  }
  return found;
}

function featuresOf(query: Element): string[] | undefined {
  const found = query.elements("feature", DISCO_INFO_NS).map((f) => f.attrs.var ?? "");
  return new Set(found).size === found.length ? found : undefined;
}

type FormParts = [formType: string, fields: [name: string, values: string[]][]];

function formsOf(query: Element): FormParts[] | undefined {
  const forms: FormParts[] = [];
  for (const x of query.elements("x", FORMS_NS)) {
    const fields = x.elements("field");
    const formType = fields.find((f) => f.attrs.var === "FORM_TYPE");
    // Without a hidden FORM_TYPE the form does not count (§5.4, 3.6).
    if (formType === undefined || formType.attrs.type !== "hidden") continue;
    const types = new Set(valuesOf(formType));
    const [name = ""] = types;
    if (types.size > 1 || forms.some(([other]) => other === name)) return undefined;
    const rest = fields.filter((f) => f.attrs.var !== "FORM_TYPE");
    forms.push([name, rest.map((f) => [f.attrs.var ?? "", valuesOf(f)])]);
  }
  return forms;
}

function valuesOf(field: Element): string[] {
  return field.elements("value").map((v) => v.text());
}

/** The order of the strings' UTF-8 ("i;octet"): as UTF-16, but for surrogates, which come last. */
function byOctets(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

// ---- XEP-0390 §4.1 ----

const FS = "\x1c";
const GS = "\x1d";
const RS = "\x1e";
const US = "\x1f";

/** The octets to be hashed; `undefined` where the algorithm aborts with an error. */
export function caps2Input(query: Element): Uint8Array | undefined {
  const features: Uint8Array[] = [];
  const identities: Uint8Array[] = [];
  const forms: Uint8Array[] = [];
  for (const e of query.elements()) {
    if (e.is("feature", DISCO_INFO_NS)) features.push(utf8((e.attrs.var ?? "") + US));
    else if (e.is("identity", DISCO_INFO_NS)) identities.push(utf8(identityRecord(e)));
    else {
      const extension = e.is("x", FORMS_NS) ? formRecord(e) : undefined;
      if (extension === undefined) return undefined;
      forms.push(extension);
    }
  }
  return Buffer.concat([
    joined(features),
    utf8(FS),
    joined(identities),
    utf8(FS),
    joined(forms),
    utf8(FS),
  ]);
}

function identityRecord({ attrs }: Element): string {
  const { category = "", type = "", name = "" } = attrs;
  return [category, type, attrs["xml:lang"] ?? "", name].map((s) => s + US).join("") + RS;
}

function formRecord(x: Element): Uint8Array | undefined {
  const fields = x.elements("field");
  const formTypes = fields.filter((f) => f.attrs.var === "FORM_TYPE");
  const [formType] = formTypes;
  if (formTypes.length !== 1 || formType!.attrs.type !== "hidden") return undefined;
  if (valuesOf(formType!).length !== 1) return undefined;
  if (x.child("reported") !== undefined || x.child("item") !== undefined) return undefined;
  const records = fields.map((f) => {
    const values = joined(valuesOf(f).map((value) => utf8(value + US)));
    return Buffer.concat([utf8((f.attrs.var ?? "") + US), values, utf8(RS)]);
  });
  return Buffer.concat([joined(records), utf8(GS)]);
}

function utf8(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

/** Joined from lesser to greater. */
function joined(parts: Uint8Array[]): Uint8Array {
  return Buffer.concat(parts.sort(Buffer.compare));
}
