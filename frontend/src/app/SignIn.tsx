import type { TFunction } from "i18next";
import { type SubmitEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { ApiError, signIn } from "~/api/client";
import type { Asked } from "~/api/session";
import { Button } from "~/ui/Button";
import { TextField } from "~/ui/Field";
import { Icon } from "~/ui/Icon";
import { Words } from "~/ui/Words";

import { Logo } from "./Logo";
import { LanguageButton, ThemeButton } from "./Preferences";
import { tell } from "./problems";
import css from "./signIn.module.css";

/** Asks for the operator's token, and says where to get one. */
export function SignIn({ asked }: { asked: Asked }) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [token, setToken] = useState("");
  const [fault, setFault] = useState<unknown>(null);
  const [checking, setChecking] = useState(false);
  useEffect(() => {
    document.title = `${t("auth.page")} · REP`;
  }, [t]);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setChecking(true);
    setFault(null);
    try {
      // When it is accepted the dashboard takes this view's place.
      await signIn(token.trim());
    } catch (caught) {
      setFault(caught);
      setChecking(false);
      input.current?.select();
    }
  };

  const words = fault === null ? undefined : token.trim() === "" ? t("auth.empty") : faultOf(fault, t);
  return (
    <main className={css.page}>
      <div className={css.card}>
        <div className={css.head}>
          <Logo />
          <span className={css.brand}>REP</span>
          <ThemeButton />
          <LanguageButton />
        </div>
        <h1>{t("auth.title")}</h1>
        {asked !== "first" && (
          <p className={css.why} data-tone={asked === "again" ? "warn" : "plain"} role="status">
            <Icon name={asked === "again" ? "warn" : "info"} />
            <span>{t(`auth.${asked}`)}</span>
          </p>
        )}
        <form className={css.form} noValidate onSubmit={(event) => void submit(event)}>
          {/* Without a name: no form may ever put it into an address. */}
          <TextField
            ref={input}
            label={t("auth.field")}
            type="password"
            icon="key"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            autoFocus
            required
            value={token}
            error={words}
            hint={t("auth.kept")}
            onChange={(event) => {
              setToken(event.target.value);
              setFault(null);
            }}
          />
          <Button type="submit" tone="primary" disabled={checking} className={css.submit}>{checking ? t("auth.checking") : t("auth.submit")}</Button>
        </form>
        <dl className={css.help}>
          <dt>{t("auth.whereTitle")}</dt>
          <dd><Words text={t("auth.where")} /></dd>
          <dt>{t("auth.noneTitle")}</dt>
          <dd><Words text={t("auth.none")} /></dd>
        </dl>
      </div>
      {/* A note beside a field is not read when it appears. */}
      <p className="sr-only" role="alert">{words}</p>
    </main>
  );
}

function faultOf(fault: unknown, t: TFunction): string {
  if (fault instanceof ApiError && fault.status === 401) return t("auth.wrong");
  if (fault instanceof ApiError && fault.status === 403) return t("auth.shopper");
  const told = tell(fault, t);
  return told.text ? `${told.title}. ${told.text}` : told.title;
}
