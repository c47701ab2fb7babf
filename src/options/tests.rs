use super::check::is_origin;
use super::*;

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    let error = parse_file("api-prot = 1").unwrap_err().to_string();
    assert_eq!(error, "unknown key `api-prot`; did you mean `api-port`?");
    assert!(parse_file("api-port = \"x\"").is_err());
}

#[test]
fn flags_stand_before_the_file_and_the_offset_moves_what_is_not_set() {
    let flags = Options { rate: Some(5.0), port_offset: Some(100), ..Options::default() };
    let file = parse_file("rate = 7.0\nusers = 9\napi-port = 1").unwrap();
    let settings = flags.or(file).complete().unwrap();
    assert_eq!((settings.rate, settings.users), (5.0, 9));
    assert_eq!((settings.ports.api_port, settings.ports.dashboard_port), (1, 3101));
}

#[test]
fn secrets_are_not_shown() {
    let options = parse_file("operator-token = \"0123456789abcdef0123456789abcdef\"").unwrap();
    let settings = options.complete().unwrap();
    assert!(matches!(settings.auth(), Ok(Auth::Bearer(_))));
    for shown in [toml::to_string(&settings).unwrap(), format!("{settings:?}")] {
        assert!(shown.contains("not shown") && !shown.contains("0123456789"), "{shown}");
    }
}

#[test]
fn a_secret_may_lie_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
    let options = |file| Options { operator_token_file: Some(file), ..Options::default() };
    let settings = options(file).complete().unwrap();
    assert_eq!(settings.operator_token.unwrap().reveal(), "0123456789abcdef0123456789abcdef");
    let error = options(folder.path().join("none")).complete().unwrap_err();
    assert!(error.to_string().contains("none"), "{error}");
}

#[test]
fn an_address_for_others_wants_tokens_or_the_word_open() {
    let bound = |rest: &str| parse_file(&format!("bind = \"0.0.0.0\"\n{rest}")).unwrap().complete();
    let refusal = bound("").unwrap_err().to_string();
    assert!(refusal.contains("operator-token") && refusal.contains("`open`"), "{refusal}");
    assert!(bound("open = true").is_ok());
    assert!(bound("operator-token = \"0123456789abcdef0123456789abcdef\"").is_ok());
    assert!(parse_file("bind = \"::1\"").unwrap().complete().is_ok());
}

#[test]
fn an_origin_has_no_path() {
    for origin in
        ["https://shop.example", "http://localhost:3001", "http://[::1]:8080", "http://shop.example:443"]
    {
        assert!(is_origin(origin), "{origin}");
    }
    for text in [
        "",
        "shop.example",
        "https://shop.example/",
        "https://shop.example/path",
        "https://shop.example?q",
        "https://",
        "*",
        "https://*",
        "https://*.shop.example",
        "null",
        "https://a@b",
        "ftp://a",
        "https://Shop.example",
        "HTTPS://shop.example",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://shop.example:",
        "https://shop.example:0443",
        "https://shop.example:99999",
        "https://müller.example",
        "https://[::1",
        "http://[0:0:0:0:0:0:0:1]:8080",
        " https://shop.example",
    ] {
        assert!(!is_origin(text), "{text}");
    }
    let set = |origin: &str| parse_file(&format!("allowed-origins = [\"{origin}\"]")).unwrap().complete();
    assert_eq!(set("https://shop.example").unwrap().allowed_origins, ["https://shop.example"]);
    let refusal = set("https://shop.example/").unwrap_err().to_string();
    assert!(
        refusal.contains("`allowed-origins`") && refusal.contains("`https://shop.example/`"),
        "{refusal}"
    );
    let unknown = parse_file("allowed_origins = []").unwrap_err().to_string();
    assert!(unknown.contains("`allowed-origins`"), "{unknown}");
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    for (options, name) in [
        (Options { rate: Some(f64::NAN), ..Options::default() }, "rate"),
        (Options { users: Some(0), ..Options::default() }, "users"),
        (Options { operator_token: Some("short".parse().unwrap()), ..Options::default() }, "operator-token"),
        (Options { otlp: Some("collector:4318".to_owned()), ..Options::default() }, "otlp"),
        (
            Options { otlp: Some("http://c:1".to_owned()), otlp_sample: Some(1.5), ..Options::default() },
            "otlp-sample",
        ),
        (Options { port_offset: Some(65_000), ..Options::default() }, "port"),
        (parse_file("currency = \"ABC\"").unwrap(), "currency"),
        (parse_file("just-seen = [\"1h\", \"VIEW=5m\", \"2h\"]").unwrap(), "just-seen"),
    ] {
        assert!(options.complete().unwrap_err().to_string().contains(name));
    }
}
