//! Every test is part of a program that is built and run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Crates whose tests are gathered into few programs (`autotests = false`): there a file that no program names would be
/// tested by nobody, in silence.
const GATHERED: [&str; 3] = [".", "consumers", "simulator"];

#[test]
fn every_test_file_is_part_of_a_program() {
    for gathered in GATHERED {
        let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(gathered);
        let manifest = fs::read_to_string(crate_dir.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("autotests = false"), "{gathered}");
        let paths = manifest.lines().filter_map(|line| line.strip_prefix("path = \"tests/"));
        let programs: BTreeSet<&str> = paths.map(|path| path.trim_end_matches('"')).collect();
        let read = |program: &&str| fs::read_to_string(crate_dir.join("tests").join(program)).unwrap();
        let sources: String = programs.iter().map(read).collect();
        for entry in fs::read_dir(crate_dir.join("tests")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let Some(stem) = name.strip_suffix(".rs") else { continue };
            let is_part = programs.contains(name.as_str()) || sources.contains(&format!("\nmod {stem};\n"));
            assert!(is_part, "no test program of `{gathered}` has a part `{stem}`");
        }
    }
}
