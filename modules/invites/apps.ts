/** Programs to recommend, by the visitor's system. */

export type Platform = "android" | "ios" | "windows" | "macos" | "linux" | "web";

interface App {
  readonly name: string;
  readonly url: string;
  /** One line for people who know none of them. */
  readonly about: string;
}

export const PLATFORMS: Readonly<Record<Platform, { title: string; apps: readonly App[] }>> = {
  android: {
    title: "Android",
    apps: [
      {
        name: "Conversations",
        url: "https://conversations.im/",
        about: "in the Play Store and on F-Droid",
      },
      { name: "Cheogram", url: "https://cheogram.com/", about: "free, on F-Droid too" },
    ],
  },
  ios: {
    title: "iPhone and iPad",
    apps: [
      { name: "Monal", url: "https://monal-im.org/", about: "free, in the App Store" },
      { name: "Siskin IM", url: "https://siskin.im/", about: "free, in the App Store" },
    ],
  },
  windows: {
    title: "Windows",
    apps: [{ name: "Gajim", url: "https://gajim.org/", about: "free, in the Microsoft Store too" }],
  },
  macos: {
    title: "macOS",
    apps: [
      { name: "Monal", url: "https://monal-im.org/", about: "free, in the App Store" },
      { name: "Beagle IM", url: "https://beagle.im/", about: "free, in the App Store" },
    ],
  },
  linux: {
    title: "Linux",
    apps: [
      { name: "Dino", url: "https://dino.im/", about: "simple, made for the desktop" },
      { name: "Gajim", url: "https://gajim.org/", about: "with every feature" },
    ],
  },
  web: {
    title: "In the browser",
    apps: [{ name: "Movim", url: "https://movim.eu/", about: "nothing to install" }],
  },
};

/** What somebody visits with, from the header User-Agent. */
export function platformOf(userAgent: string): Platform {
  if (/iPhone|iPad|iPod/.test(userAgent)) return "ios";
  if (/Android/.test(userAgent)) return "android";
  if (/Windows/.test(userAgent)) return "windows";
  if (/Macintosh|Mac OS X/.test(userAgent)) return "macos";
  if (/CrOS/.test(userAgent)) return "web";
  if (/Linux|X11|BSD/.test(userAgent)) return "linux";
  return "web";
}
