import { useTranslation } from "react-i18next";

import { signOut, useSession } from "~/api/session";
import { setLanguage, useLocale } from "~/i18n";
import { Button, IconButton } from "~/ui/Button";
import { Popover } from "~/ui/Popover";

import css from "./app.module.css";
import { toggleTheme, useTheme } from "./theme";

export function ThemeButton() {
  const { t } = useTranslation();
  const dark = useTheme() === "dark";
  return <IconButton icon={dark ? "sun" : "moon"} label={dark ? t("bar.toLight") : t("bar.toDark")} onClick={toggleTheme} />;
}

/** To the other language, named in that language. */
export function LanguageButton() {
  const korean = useLocale() === "ko";
  return (
    <Button tone="quiet" small lang={korean ? "en" : "ko"} aria-label={korean ? "English" : "한국어"} title={korean ? "English" : "한국어"} onClick={() => void setLanguage(korean ? "en" : "ko")}>
      {korean ? "EN" : "한"}
    </Button>
  );
}

/** Forgets the token; nothing where none was asked for. */
export function SignOutButton() {
  const { t } = useTranslation();
  return useSession().token === null ? null : <IconButton icon="leave" label={t("auth.signOut")} onClick={signOut} />;
}

/** Where the rail has no room for them: on a phone. */
export function PreferencesMenu() {
  const { t } = useTranslation();
  const korean = useLocale() === "ko";
  const dark = useTheme() === "dark";
  const { token } = useSession();
  return (
    <div className={css.menu}>
      <Popover label={t("bar.preferences")} trigger={(props) => <IconButton icon="menu" label={t("bar.preferences")} {...props} />}>
        {(close) => {
          const pick = (act: () => void) => () => {
            close();
            act();
          };
          return (
            <div className={css.menuList}>
              <Button tone="quiet" icon={dark ? "sun" : "moon"} onClick={pick(toggleTheme)}>{dark ? t("bar.toLight") : t("bar.toDark")}</Button>
              <Button tone="quiet" icon="globe" lang={korean ? "en" : "ko"} onClick={pick(() => void setLanguage(korean ? "en" : "ko"))}>{korean ? "English" : "한국어"}</Button>
              {token !== null && <Button tone="quiet" icon="leave" onClick={pick(signOut)}>{t("auth.signOut")}</Button>}
            </div>
          );
        }}
      </Popover>
    </div>
  );
}
