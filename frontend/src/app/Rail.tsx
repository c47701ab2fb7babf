import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { setLanguage, useLocale } from "~/i18n";
import { Button, IconButton } from "~/ui/Button";
import { Icon } from "~/ui/Icon";

import css from "./app.module.css";
import { PAGES } from "./pages";
import { toggleTheme, useTheme } from "./theme";

export function Rail({ onKeys }: { onKeys: () => void }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const theme = useTheme();
  return (
    <nav className={css.rail} aria-label={t("nav.label")}>
      <div className={css.brand}>
        <Logo />
        <span>REP</span>
      </div>
      {PAGES.map((page) => (
        <Link key={page.name} to={page.to} className={css.link} activeOptions={{ exact: page.to === "/", includeSearch: false }} title={t(`nav.${page.name}`)}>
          <Icon name={page.icon} size={18} />
          <span>{t(`nav.${page.name}`)}</span>
        </Link>
      ))}
      <div className={css.railFoot}>
        <IconButton icon={theme === "dark" ? "sun" : "moon"} label={theme === "dark" ? t("bar.toLight") : t("bar.toDark")} onClick={toggleTheme} />
        <Button tone="quiet" small lang={locale === "ko" ? "en" : "ko"} aria-label={locale === "ko" ? "English" : "한국어"} onClick={() => void setLanguage(locale === "ko" ? "en" : "ko")}>{locale === "ko" ? "EN" : "한"}</Button>
        <IconButton icon="keyboard" label={t("bar.keys")} onClick={onKeys} />
      </div>
    </nav>
  );
}

function Logo() {
  return (
    <svg width="24" height="24" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <path d="M7 21.5h5l3-11 3.4 15 2.6-9 1.2 5H25" fill="none" stroke="var(--on-accent)" strokeWidth="2.6" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
