import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { IconButton } from "~/ui/Button";
import { Icon } from "~/ui/Icon";

import css from "./app.module.css";
import { Logo } from "./Logo";
import { PAGES } from "./pages";
import { LanguageButton, SignOutButton, ThemeButton } from "./Preferences";

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
        <SignOutButton />
      </div>
    </nav>
  );
}
