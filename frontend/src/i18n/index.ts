import i18next from "i18next";
import { initReactI18next, useTranslation } from "react-i18next";

import type { Locale } from "~/lib/format";
import { recall, remember } from "~/lib/storage";

import { en } from "./en";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: typeof en };
  }
}

async function load(locale: Locale): Promise<void> {
  if (locale === "en" || i18next.hasResourceBundle("ko", "translation")) return;
  const { ko } = await import("./ko");
  i18next.addResourceBundle("ko", "translation", ko);
}

/** The saved language, else the browser's, else English. */
function preferred(): Locale {
  const saved = recall("language") ?? navigator.language;
  return saved.startsWith("ko") ? "ko" : "en";
}

export async function startI18n(): Promise<void> {
  const locale = preferred();
  await i18next.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false },
    showSupportNotice: false,
  } as Parameters<typeof i18next.init>[0]);
  if (locale !== "en") await setLanguage(locale);
}

export async function setLanguage(locale: Locale): Promise<void> {
  await load(locale);
  await i18next.changeLanguage(locale);
  document.documentElement.lang = locale;
  remember("language", locale);
}

export function useLocale(): Locale {
  const { i18n } = useTranslation();
  return i18n.language === "ko" ? "ko" : "en";
}
