//! Files as spreadsheets and other programs write them.

use super::double::Double;
use super::{args, done, dry, file, import};

const HEADER: &str = "productId,name,category,price,currency,stock";

fn names_of(name: &str, content: &[u8]) -> Vec<String> {
    let double = Double::start([]);
    let (_folder, path) = file(name, content);
    let outcome = done(&args(&path, &double.url));
    assert_eq!(outcome.refused, 0, "{outcome}");
    let seen = double.seen();
    seen.effects.values().map(|(item, _)| item["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn files_of_spreadsheets_say_the_same_as_plain_ones() {
    let plain = format!("{HEADER}\np1,\"Cup, blue\",Cups,1.50,EUR,3\np2,Cup,Cups,2.50,EUR,4\n");
    let wanted = ["Cup, blue", "Cup"];
    assert_eq!(names_of("a.csv", plain.as_bytes()), wanted);
    let tabs = plain.replace("\"Cup, blue\"", "Cup; blue").replace(',', "\t").replace(';', ",");
    for (name, content) in [
        ("a.csv", plain.replace('\n', "\r\n")),
        ("a.csv", plain.replace('\n', "\r")),
        ("a.csv", plain.replace('\n', ",,\n")),
        ("a.csv", plain.replace("EUR,3\n", "EUR,3\n,,,,,\n\n  ,,\n")),
        ("a.csv", plain.replace("\",", "\" , ").replace("p1,", " p1 , ").replace("stock", " Stock ")),
        ("a.csv", format!("\u{feff}{plain}")),
        ("a.tsv", tabs.clone()),
        ("a.tab", tabs.replace('\n', "\r\n")),
        ("a.txt", tabs.replace('\n', "\r")),
    ] {
        assert_eq!(names_of(name, content.as_bytes()), wanted, "{name}: {content:?}");
    }
    let lines = "{\"userId\":\"u\",\"actionType\":\"VIEW\",\"productId\":\"p\"}\r".repeat(3);
    let (_folder, path) = file("events.jsonl", lines.as_bytes());
    assert_eq!(done(&dry(&path)).accepted, 3);
}

#[test]
fn ids_that_a_spreadsheet_made_numbers_are_refused_with_why() {
    let header = "userId,actionType,productId\n";
    let text = format!("{header}1042.0,VIEW,p\n1042,VIEW,p\nu,VIEW,8.80123E+12\n");
    let (folder, path) = file("events.csv", text.as_bytes());
    let rejects = folder.path().join("rejects");
    let mut said = dry(&path);
    said.rejects = Some(rejects.clone());
    let (outcome, result) = import(&said);
    result.unwrap();
    assert_eq!((outcome.accepted, outcome.refused), (1, 2));
    let told = std::fs::read_to_string(rejects).unwrap();
    assert!(told.contains("write `1042`") && told.contains("write the column as text"), "{told}");
}
