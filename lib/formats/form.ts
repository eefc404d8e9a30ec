/**
 * Data forms (XEP-0004) with their field standardisation (XEP-0068) and, for whole numbers, their
 * validation (XEP-0122): how forms are built.
 * `form_read.ts` reads them.
 *
 * ```ts
 * form({ type: "form", formType: "http://jabber.org/protocol/muc#roomconfig", title: "Room", fields: [
 *   { var: "muc#roomconfig_roomname", type: "text-single", label: "Name", value: room.name },
 *   { var: "muc#roomconfig_persistentroom", type: "boolean", value: room.persistent },
 * ] })
 * ```
 */

import type { Child, Element } from "../xml/element.ts";
import { xml } from "../xml/element.ts";

export const FORMS_NS = "jabber:x:data";
export const VALIDATE_NS = "http://jabber.org/protocol/xdata-validate";

/** What a form is for (XEP-0004 §3.1). */
export type FormType = "form" | "submit" | "cancel" | "result";

export interface FieldOption {
  readonly value: string;
  readonly label?: string;
}

/** The value of a field in code, by the field's type. Lines of `text-multi` are separated by `\n`. */
export interface FieldValues {
  "boolean": boolean;
  "fixed": string;
  "hidden": string;
  "jid-single": string;
  "jid-multi": readonly string[];
  "list-single": string;
  "list-multi": readonly string[];
  "text-single": string;
  "text-private": string;
  "text-multi": string;
}

/** The types of XEP-0004 §3.3. */
export type FieldType = keyof FieldValues;

/** XEP-0122 §3.2.3: a field for a whole number; both ends are included. */
export interface Validation {
  readonly datatype: "xs:integer";
  readonly min?: number;
  readonly max?: number;
}

interface Labels {
  readonly label?: string;
  /** Explains the field to the user. */
  readonly desc?: string;
  readonly required?: boolean;
}

type FieldOf<T extends FieldType> = T extends "fixed" ? Labels & {
    readonly type: "fixed";
    readonly var?: string;
    readonly value: string;
  }
  :
    & Labels
    & {
      readonly type: T;
      readonly var: string;
      readonly value?: FieldValues[T];
    }
    & (T extends "list-single" | "list-multi" ? { readonly options?: readonly FieldOption[] }
      : T extends "text-single" ? { readonly validate?: Validation }
      : unknown);

/** A field of a form to be built; without a value it is empty. */
export type Field = { [T in FieldType]: FieldOf<T> }[FieldType];

/** A column of a table of results (XEP-0004 §3.4). */
export interface Column {
  readonly var: string;
  readonly label?: string;
  readonly type?: FieldType;
}

/** A row: values by the `var` of their column. A column left out is empty. */
export type Row = { readonly [name: string]: string | readonly string[] | undefined };

export interface FormContent {
  readonly type: FormType;
  /** The FORM_TYPE (XEP-0068): the namespace of the field names. */
  readonly formType?: string;
  readonly title?: string;
  /** Paragraphs. */
  readonly instructions?: string | readonly string[];
  readonly fields?: readonly Field[];
  /** A table of results, in place of fields. */
  readonly table?: { readonly columns: readonly Column[]; readonly rows: readonly Row[] };
}

/**
 * Builds the `<x/>` element of a form.
 * @throws Error for a form that XEP-0004 forbids (a fault of the caller): a name or option twice, a
 *   table beside fields or outside a result
 */
export function form(content: FormContent): Element {
  const { type, formType, title, instructions = [], fields = [], table } = content;
  checkNames(fields, formType);
  const paragraphs = typeof instructions === "string" ? [instructions] : instructions;
  const children: Child[] = [
    title !== undefined && xml("title", FORMS_NS, {}, title),
    ...paragraphs.map((text) => xml("instructions", FORMS_NS, {}, text)),
    formType !== undefined && formTypeField(formType),
    ...fields.map((field) => fieldElement(field, type)),
  ];
  if (table !== undefined) {
    if (type !== "result" || fields.length > 0) {
      throw new Error("a table belongs into a form of type result that has no fields");
    }
    children.push(
      reportedElement(table.columns),
      ...table.rows.map((r) => itemElement(table.columns, r)),
    );
  }
  return xml("x", FORMS_NS, { type }, ...children);
}

function checkNames(fields: readonly Field[], formType: string | undefined): void {
  const seen = new Set<string>(formType === undefined ? [] : ["FORM_TYPE"]);
  for (const { var: name } of fields) {
    if (name === undefined) continue;
    if (seen.has(name)) throw new Error(`the form has two fields named ${name}`);
    seen.add(name);
  }
}

function formTypeField(formType: string): Element {
  return xml("field", FORMS_NS, { var: "FORM_TYPE", type: "hidden" }, valueElement(formType));
}

function fieldElement(field: Field, formType: FormType): Element {
  const options = "options" in field ? field.options ?? [] : [];
  const values = new Set(options.map((o) => o.value));
  if (values.size < options.length) throw new Error(`the field ${field.var} has an option twice`);
  const { label, desc } = field;
  return xml(
    "field",
    FORMS_NS,
    { var: field.var, type: field.type, label },
    desc !== undefined && xml("desc", FORMS_NS, {}, desc),
    field.required === true && formType === "form" && xml("required", FORMS_NS),
    "validate" in field && field.validate !== undefined && validateElement(field.validate),
    ...valuesOf(field).map(valueElement),
    ...options.map(optionElement),
  );
}

function validateElement({ datatype, min, max }: Validation): Element {
  const method = min === undefined && max === undefined
    ? xml("basic", VALIDATE_NS)
    : xml("range", VALIDATE_NS, { min: min?.toString(), max: max?.toString() });
  return xml("validate", VALIDATE_NS, { datatype }, method);
}

/** The texts of the `<value/>` elements. */
function valuesOf(field: Field): readonly string[] {
  const { type, value } = field;
  if (value === undefined) return [];
  if (typeof value === "boolean") return [value ? "1" : "0"];
  if (typeof value !== "string") return value;
  return type === "text-multi" ? value.split(/\r\n|\r|\n/) : [value];
}

function valueElement(text: string): Element {
  return xml("value", FORMS_NS, {}, text);
}

function optionElement({ value, label }: FieldOption): Element {
  return xml("option", FORMS_NS, { label }, valueElement(value));
}

function reportedElement(columns: readonly Column[]): Element {
  const fields = columns.map(({ var: name, label, type }) =>
    xml("field", FORMS_NS, { var: name, label, type })
  );
  return xml("reported", FORMS_NS, {}, ...fields);
}

function itemElement(columns: readonly Column[], row: Row): Element {
  const fields = columns.map(({ var: name }) => {
    const value = row[name] ?? "";
    const texts = typeof value === "string" ? [value] : value;
    return xml("field", FORMS_NS, { var: name }, ...texts.map(valueElement));
  });
  return xml("item", FORMS_NS, {}, ...fields);
}

export type { Answers, Form, FormField } from "./form_read.ts";
export { answers, readForm } from "./form_read.ts";
