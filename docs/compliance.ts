/** XEP-0479: XMPP Compliance Suites 2023, the rows that concern a server. */

/** What of a suite's row a server must have. */
export interface SuiteRow {
  readonly feature: string;
  /** The lowest level that asks it of a server. */
  readonly level: "core" | "advanced";
  readonly specifications: readonly string[];
}

const core = (feature: string, ...specifications: string[]): SuiteRow => ({
  feature,
  level: "core",
  specifications,
});

const advanced = (feature: string, ...specifications: string[]): SuiteRow => ({
  feature,
  level: "advanced",
  specifications,
});

/** The suites in the order of the text. */
export const suites: Readonly<Record<string, readonly SuiteRow[]>> = {
  "Core": [
    core("Core features", "RFC 6120"),
    core("TLS", "RFC 7590"),
    advanced("Direct TLS", "XEP-0368"),
    core("Feature discovery", "XEP-0030"),
    advanced("Feature broadcasts", "XEP-0115"),
    core("Server extensibility", "XEP-0114"),
    advanced("Event publishing", "XEP-0163"),
  ],
  "Web": [
    core("Web connection mechanisms", "RFC 7395", "XEP-0206", "XEP-0124"),
  ],
  "IM": [
    core("Core features", "RFC 6121"),
    advanced("User avatar compatibility", "XEP-0398", "XEP-0153"),
    core("vcard-temp", "XEP-0054"),
    core("Outbound message synchronisation", "XEP-0280"),
    advanced("User blocking", "XEP-0191"),
    core("Group chat", "XEP-0045", "XEP-0249"),
    advanced("Advanced group chat: bookmarks", "XEP-0048", "XEP-0402"),
    advanced("Advanced group chat: archive and self-ping", "XEP-0045", "XEP-0313", "XEP-0410"),
    advanced("Persistent storage of private data via PubSub", "XEP-0223"),
    advanced("Private XML storage", "XEP-0049"),
    advanced("Stream management", "XEP-0198"),
    advanced("History storage and retrieval", "XEP-0313"),
    core("File upload", "XEP-0363"),
  ],
  "Mobile": [
    core("Stream management", "XEP-0198"),
    core("Client state indication", "XEP-0352"),
    advanced("Third party push notifications", "XEP-0357"),
  ],
  "A/V calling": [
    core("STUN/TURN server discovery", "XEP-0215"),
  ],
};
