/** What the documents need to know of specifications: titles, and what the core implements itself. */

/** Where a specification is implemented only in part: which part. */
export interface CoreSpecification {
  readonly id: string;
  /** The version of a XEP's text; RFCs have none. */
  readonly version?: string;
  /** Files of the core. */
  readonly files: readonly string[];
  /** What is missing, or which part it is; without it all that concerns a server is there. */
  readonly part?: string;
}

/** What `lib/` implements. Modules declare theirs in `xeps`. */
export const core: readonly CoreSpecification[] = [
  {
    id: "RFC 6120",
    files: ["lib/stream", "lib/xml", "lib/router.ts"],
    part: "streams of clients; none between servers",
  },
  {
    id: "RFC 6121",
    files: ["lib/router.ts", "lib/delivery.ts", "modules/roster.ts", "modules/presence.ts"],
  },
  { id: "RFC 7622", files: ["lib/jid.ts"] },
  { id: "RFC 7590", files: ["lib/net/tls.ts", "lib/tls"], part: "TLS 1.2 and 1.3, to clients" },
  { id: "RFC 8264", files: ["lib/precis"] },
  { id: "RFC 8265", files: ["lib/precis/profiles.ts"] },
  { id: "RFC 8266", files: ["lib/precis/profiles.ts"] },
  { id: "RFC 5891", files: ["lib/idna.ts"] },
  { id: "RFC 5893", files: ["lib/precis/bidi.ts"] },
  { id: "RFC 4422", files: ["lib/sasl", "lib/stream/authentication.ts"] },
  { id: "RFC 4505", files: ["lib/sasl/anonymous.ts"] },
  { id: "RFC 4616", files: ["lib/sasl/plain.ts"] },
  { id: "RFC 5802", files: ["lib/sasl/scram.ts"] },
  { id: "RFC 7677", files: ["lib/sasl/scram.ts"] },
  { id: "RFC 5929", files: ["lib/sasl/scram.ts"], part: "tls-server-end-point" },
  { id: "XEP-0004", version: "2.13.2", files: ["lib/formats/form.ts"] },
  { id: "XEP-0068", version: "1.3.0", files: ["lib/formats/form.ts"] },
  { id: "XEP-0082", version: "1.1.1", files: ["lib/formats/datetime.ts"] },
  {
    id: "XEP-0122",
    version: "1.0.2",
    files: ["lib/formats/form.ts"],
    part: "whole numbers and their ranges",
  },
  { id: "XEP-0175", version: "1.2", files: ["lib/sasl/anonymous.ts"] },
  { id: "XEP-0178", version: "1.2", files: ["lib/sasl/external.ts"], part: "clients" },
  { id: "XEP-0334", version: "1.0.0", files: ["lib/formats/message_traits.ts"] },
  { id: "XEP-0368", version: "1.1.0", files: ["lib/certificates.ts"], part: "clients" },
  { id: "XEP-0440", version: "1.0.0", files: ["lib/stream/sasl.ts"] },
  {
    id: "XEP-0474",
    version: "0.5.0",
    files: ["lib/sasl/downgrade.ts"],
  },
];

/** Of what modules implement only in part: which part. */
export const parts: Readonly<Record<string, string>> = {
  "XEP-0133": "all but the lists of §4.11, §4.12 and §4.29",
  "XEP-0033": "other servers get a copy for each address",
  "XEP-0065": "a proxy for TCP",
  "XEP-0060": "all but collections, digests, SubIDs, get-pending and purge_offline",
  "XEP-0163":
    "without the address of the publishing resource; remote contacts not yet by their capabilities",
  "XEP-0413": "items of nodes",
  "XEP-0442": "of the service's nodes",
};

export const titles: Readonly<Record<string, string>> = {
  "RFC 4422": "Simple Authentication and Security Layer (SASL)",
  "RFC 4505": "Anonymous SASL Mechanism",
  "RFC 4616": "The PLAIN SASL Mechanism",
  "RFC 5802": "Salted Challenge Response Authentication Mechanism (SCRAM)",
  "RFC 5891": "Internationalized Domain Names in Applications: Protocol",
  "RFC 5893": "Right-to-Left Scripts for IDNA",
  "RFC 5929": "Channel Bindings for TLS",
  "RFC 6120": "XMPP: Core",
  "RFC 6121": "XMPP: Instant Messaging and Presence",
  "RFC 7590": "Use of TLS in XMPP",
  "RFC 7622": "XMPP: Address Format",
  "RFC 7677": "SCRAM-SHA-256 and SCRAM-SHA-256-PLUS",
  "RFC 8264": "PRECIS Framework",
  "RFC 8265": "Internationalized Strings Representing Usernames and Passwords",
  "RFC 8266": "PRECIS: Nicknames",
  "XEP-0004": "Data Forms",
  "XEP-0012": "Last Activity",
  "XEP-0013": "Flexible Offline Message Retrieval",
  "XEP-0030": "Service Discovery",
  "XEP-0033": "Extended Stanza Addressing",
  "XEP-0045": "Multi-User Chat",
  "XEP-0048": "Bookmarks",
  "XEP-0049": "Private XML Storage",
  "XEP-0050": "Ad-Hoc Commands",
  "XEP-0054": "vcard-temp",
  "XEP-0060": "Publish-Subscribe",
  "XEP-0065": "SOCKS5 Bytestreams",
  "XEP-0068": "Field Standardization for Data Forms",
  "XEP-0077": "In-Band Registration",
  "XEP-0082": "XMPP Date and Time Profiles",
  "XEP-0084": "User Avatar",
  "XEP-0092": "Software Version",
  "XEP-0115": "Entity Capabilities",
  "XEP-0122": "Data Forms Validation",
  "XEP-0128": "Service Discovery Extensions",
  "XEP-0133": "Service Administration",
  "XEP-0153": "vCard-Based Avatars",
  "XEP-0157": "Contact Addresses for XMPP Services",
  "XEP-0160": "Best Practices for Handling Offline Messages",
  "XEP-0163": "Personal Eventing Protocol",
  "XEP-0175": "Best Practices for Use of SASL ANONYMOUS",
  "XEP-0178": "Best Practices for Use of SASL EXTERNAL with Certificates",
  "XEP-0191": "Blocking Command",
  "XEP-0198": "Stream Management",
  "XEP-0199": "XMPP Ping",
  "XEP-0202": "Entity Time",
  "XEP-0203": "Delayed Delivery",
  "XEP-0215": "External Service Discovery",
  "XEP-0222": "Persistent Storage of Public Data via PubSub",
  "XEP-0223": "Persistent Storage of Private Data via PubSub",
  "XEP-0237": "Roster Versioning",
  "XEP-0249": "Direct MUC Invitations",
  "XEP-0280": "Message Carbons",
  "XEP-0292": "vCard4 Over XMPP",
  "XEP-0307": "Unique Room Names for Multi-User Chat",
  "XEP-0312": "PubSub Since",
  "XEP-0313": "Message Archive Management",
  "XEP-0317": "Hats",
  "XEP-0334": "Message Processing Hints",
  "XEP-0352": "Client State Indication",
  "XEP-0357": "Push Notifications",
  "XEP-0359": "Unique and Stable Stanza IDs",
  "XEP-0363": "HTTP File Upload",
  "XEP-0368": "SRV records for XMPP over TLS",
  "XEP-0377": "Blocking Command Reports",
  "XEP-0379": "Pre-Authenticated Roster Subscription",
  "XEP-0386": "Bind 2",
  "XEP-0388": "Extensible SASL Profile",
  "XEP-0390": "Entity Capabilities 2.0",
  "XEP-0392": "Consistent Color Generation",
  "XEP-0398": "User Avatar to vCard-Based Avatars Conversion",
  "XEP-0401": "Ad-hoc Account Invitation Generation",
  "XEP-0402": "PEP Native Bookmarks",
  "XEP-0410": "MUC Self-Ping (Schrödinger's Chat)",
  "XEP-0411": "Bookmarks Conversion",
  "XEP-0413": "Order-By",
  "XEP-0421": "Occupant identifiers for semi-anonymous MUCs",
  "XEP-0424": "Message Retraction",
  "XEP-0425": "Moderated Message Retraction",
  "XEP-0431": "Full Text Search in MAM",
  "XEP-0433": "Extended Channel Search",
  "XEP-0440": "SASL Channel-Binding Type Capability",
  "XEP-0441": "Message Archive Management Preferences",
  "XEP-0442": "Pubsub Message Archive Management",
  "XEP-0445": "Pre-Authenticated In-Band Registration",
  "XEP-0452": "MUC Mention Notifications",
  "XEP-0463": "MUC Affiliations Versioning",
  "XEP-0474": "SASL SCRAM Downgrade Protection",
  "XEP-0478": "Stream Limits Advertisement",
  "XEP-0480": "SASL Upgrade Tasks",
  "XEP-0484": "Fast Authentication Streamlining Tokens",
  "XEP-0486": "MUC Avatars",
  "XEP-0490": "Message Displayed Synchronization",
  "XEP-0492": "Chat notification settings",
  "XEP-0494": "Client Access Management",
  "XEP-0500": "MUC Slow Mode",
  "XEP-0502": "MUC Activity Indicator",
};

/** The place of a specification on the web. */
export function linkTo(id: string): string {
  const [, kind, number] = /^(RFC|XEP)[ -](\d+)$/.exec(id)!;
  if (kind === "XEP") return `https://xmpp.org/extensions/xep-${number}.html`;
  return `https://www.rfc-editor.org/rfc/rfc${number}.html`;
}
