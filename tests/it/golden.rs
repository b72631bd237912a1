//! Scripts whose whole course is the expectation.
//!
//! A script is a list of blocks: a command, `----`, and what it showed, up to an empty line. `UPDATE=1` writes down
//! what is shown now. Lines that begin with `#` are comments.
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Runs every script in `tests/golden/<folder>` and compares; `begin` gives what carries out one script's commands.
pub fn check<S>(folder: &str, begin: impl Fn() -> S, run: impl Fn(&mut S, &Words<'_>) -> String) {
    let folder = format!("{}/tests/golden/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut differing = Vec::new();
    for file in files {
        let expected = std::fs::read_to_string(&file).unwrap();
        let mut stage = begin();
        let shown = rerun(&expected, |line| run(&mut stage, &Words::of(line)));
        if shown == expected {
            continue;
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, shown).unwrap();
        } else {
            let line = expected.lines().zip(shown.lines()).position(|(a, b)| a != b);
            let line = line.unwrap_or(expected.lines().count().min(shown.lines().count()));
            let at = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            differing.push(format!("{name}:{}\n  - {}\n  + {}", line + 1, at(&expected), at(&shown)));
        }
    }
    assert!(differing.is_empty(), "{}\nUPDATE=1 rewrites them", differing.join("\n"));
}

/// The script with what its commands show now.
fn rerun(script: &str, mut run: impl FnMut(&str) -> String) -> String {
    let mut shown = String::new();
    let mut lines = script.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(shown, "{line}").unwrap();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if lines.next_if_eq(&"----").is_some() {
            while lines.next_if(|line| !line.is_empty()).is_some() {}
        }
        let output = run(line);
        let output = if output.is_empty() { "ok" } else { output.trim_end() };
        writeln!(shown, "----\n{output}").unwrap();
        if lines.peek().is_none_or(|line| !line.is_empty()) {
            writeln!(shown).unwrap();
        }
    }
    format!("{}\n", shown.trim_end())
}

/// A command's words: those with `=` by name, the others in order.
pub struct Words<'a> {
    pub plain: Vec<&'a str>,
    pub named: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Self {
        let (named, plain): (Vec<_>, Vec<_>) = line.split_whitespace().partition(|word| word.contains('='));
        Self { plain, named: named.into_iter().map(|word| word.split_once('=').unwrap()).collect() }
    }
    /// What a name stands for, as a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.named.get(name).map(|it| it.parse().unwrap_or_else(|_| panic!("{name}: a number, not {it}")))
    }
}
