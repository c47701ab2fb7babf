import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { IconButton } from "~/ui/Button";
import { Icon } from "~/ui/Icon";

import css from "./app.module.css";
import { PAGES } from "./pages";
import { LanguageButton, ThemeButton } from "./Preferences";

export function Rail({ onKeys }: { onKeys: () => void }) {
  const { t } = useTranslation();
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
          <span className={css.tab} aria-hidden="true">{page.name === "recommendations" ? t("nav.recommendationsShort") : t(`nav.${page.name}`)}</span>
        </Link>
      ))}
      <div className={css.railFoot}>
        <ThemeButton />
        <LanguageButton />
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
