/** A certificate authority for the tests: makes chains, good ones and wrong ones. */

import * as asn1 from "asn1js";
import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** A certificate with all that is needed to issue others by it. */
export interface Issued {
  readonly der: Uint8Array;
  readonly certPem: string;
  readonly keyPem: string;
  readonly key: KeyObject;
  readonly subject: string;
}

/** What a certificate is to say. */
export interface IssueOptions {
  /** Undefined: signed by itself. */
  readonly issuer?: Issued;
  /** Pretends to be issued by this name while signed by `issuer`. */
  readonly issuerName?: string;
  readonly subject?: string;
  readonly version?: 1 | 3;
  readonly ca?: boolean;
  readonly pathLength?: number;
  /** keyUsage without keyCertSign. */
  readonly noCertSign?: boolean;
  /** OIDs of extKeyUsage. */
  readonly purposes?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly srvNames?: readonly string[];
  readonly xmppAddrs?: readonly string[];
  /** A critical extension nobody knows. */
  readonly unknownCritical?: boolean;
  readonly nameConstraints?: boolean;
  readonly duplicateExtension?: boolean;
  readonly curve?: "P-256" | "P-384" | "P-521";
  readonly rsaBits?: number;
  readonly hash?: "sha1" | "sha256" | "sha384" | "sha512";
  readonly days?: number;
  readonly notBefore?: Date;
}

const SIGNATURES = {
  ec: {
    sha1: "1.2.840.10045.4.1",
    sha256: "1.2.840.10045.4.3.2",
    sha384: "1.2.840.10045.4.3.3",
    sha512: "1.2.840.10045.4.3.4",
  },
  rsa: {
    sha1: "1.2.840.113549.1.1.5",
    sha256: "1.2.840.113549.1.1.11",
    sha384: "1.2.840.113549.1.1.12",
    sha512: "1.2.840.113549.1.1.13",
  },
};

/** A root, or with an issuer an intermediate. */
export function makeAuthority(options: IssueOptions = {}): Promise<Issued> {
  return issue({ ca: true, subject: "Test Root", ...options });
}

/** Makes a certificate and its key. */
// deno-lint-ignore require-await
export async function issue(options: IssueOptions): Promise<Issued> {
  const { privateKey, publicKey } = options.rsaBits === undefined
    ? generateKeyPairSync("ec", { namedCurve: options.curve ?? "P-256" })
    : generateKeyPairSync("rsa", { modulusLength: options.rsaBits });
  const signer = options.issuer?.key ?? privateKey;
  const hash = options.hash ?? "sha256";
  const type = signer.asymmetricKeyType as "ec" | "rsa";
  const algorithm = sequence(oid(SIGNATURES[type][hash]));
  const subject = options.subject ?? "leaf";
  const from = options.notBefore ?? new Date(Date.now() - 60_000);
  const until = new Date(from.getTime() + (options.days ?? 30) * 86_400_000);
  const spki = publicKey.export({ type: "spki", format: "der" });
  const list = options.version === 1 ? [] : extensions(options);
  const body = sequence(
    ...(options.version === 1 ? [] : [tagged(0, new asn1.Integer({ value: 2 }))]),
    new asn1.Integer({ value: randomBytes(3).readUIntBE(0, 3) + 1 }),
    algorithm,
    name(options.issuerName ?? options.issuer?.subject ?? subject),
    sequence(new asn1.UTCTime({ valueDate: from }), new asn1.UTCTime({ valueDate: until })),
    name(subject),
    asn1.fromBER(new Uint8Array(spki)).result as asn1.BaseBlock,
    ...(list.length === 0 ? [] : [tagged(3, sequence(...list))]),
  );
  const signature = sign(hash, new Uint8Array(body.toBER()), signer);
  const valueHex = new Uint8Array(signature).buffer;
  const der = new Uint8Array(
    sequence(body, algorithm, new asn1.BitString({ valueHex })).toBER(),
  );
  const base64 = Buffer.from(der).toString("base64").replace(/.{64}/g, "$&\n");
  return {
    der,
    certPem: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    key: privateKey,
    subject,
  };
}

function sequence(...value: asn1.BaseBlock[]): asn1.Sequence {
  return new asn1.Sequence({ value: value as never });
}

function oid(value: string): asn1.ObjectIdentifier {
  return new asn1.ObjectIdentifier({ value });
}

function tagged(tagNumber: number, value: asn1.BaseBlock): asn1.Constructed {
  return new asn1.Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [value] as never });
}

function name(value: string): asn1.Sequence {
  const attribute = sequence(oid("2.5.4.3"), new asn1.Utf8String({ value }));
  return sequence(new asn1.Set({ value: [attribute] }));
}

function extension(id: string, critical: boolean, value: asn1.BaseBlock): asn1.Sequence {
  return sequence(
    oid(id),
    ...(critical ? [new asn1.Boolean({ value: true })] : []),
    new asn1.OctetString({ valueHex: value.toBER() }),
  );
}

function extensions(options: IssueOptions): asn1.Sequence[] {
  const list: asn1.Sequence[] = [];
  if (options.ca) {
    const length = options.pathLength === undefined
      ? []
      : [new asn1.Integer({ value: options.pathLength })];
    list.push(
      extension("2.5.29.19", true, sequence(new asn1.Boolean({ value: true }), ...length)),
    );
    const bits = new Uint8Array([options.noCertSign ? 0x80 : 0x06]).buffer;
    list.push(extension("2.5.29.15", true, new asn1.BitString({ valueHex: bits, unusedBits: 1 })));
  }
  if (options.purposes) {
    list.push(extension("2.5.29.37", false, sequence(...options.purposes.map(oid))));
  }
  const names = generalNames(options);
  if (names.length > 0) list.push(extension("2.5.29.17", false, sequence(...names)));
  if (options.unknownCritical) list.push(extension("1.3.6.1.4.1.55555.1", true, new asn1.Null()));
  if (options.nameConstraints) list.push(extension("2.5.29.30", true, sequence()));
  if (options.duplicateExtension) list.push(list.at(-1)!);
  return list;
}

function generalNames(options: IssueOptions): asn1.BaseBlock[] {
  const other = (type: string, value: asn1.BaseBlock) =>
    new asn1.Constructed({
      idBlock: { tagClass: 3, tagNumber: 0 },
      value: [oid(type), tagged(0, value)] as never,
    });
  const { dnsNames = [], srvNames = [], xmppAddrs = [] } = options;
  return [
    ...dnsNames.map((value) =>
      new asn1.Primitive({
        idBlock: { tagClass: 3, tagNumber: 2 },
        valueHex: new Uint8Array(Buffer.from(value)).buffer,
      })
    ),
    ...srvNames.map((value) => other("1.3.6.1.5.5.7.8.7", new asn1.IA5String({ value }))),
    ...xmppAddrs.map((value) => other("1.3.6.1.5.5.7.8.5", new asn1.Utf8String({ value }))),
  ];
}
