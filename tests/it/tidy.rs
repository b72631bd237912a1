//! The style of this repository, as a test. A rule looks at one file and says what is wrong with it; every
//! rule is also tried on a made-up bad file, which it must reject, and on a good one, which it must not.
use std::fs;
use std::path::Path;

const LONGEST_FILE: usize = 1_000;
const LONGEST_FUNCTION: usize = 70;

/// Which floors a floor of the house may name. `lib.rs` is the table of contents and names all.
const FLOORS: [(&str, &[&str]); 5] = [
    ("sim", &["sim"]),
    ("machines", &["sim", "machines"]),
    ("protocols", &["sim", "machines", "protocols"]),
    ("check", &["sim", "machines", "check"]),
    ("py", &["sim", "machines", "protocols", "check", "py"]),
];

const RULES: [Rule; 8] = [
    floors,
    python_only_in_py,
    ordered_collections,
    long_functions,
    long_files,
    says_what_it_is_for,
    unfinished,
    places_of_one_machine,
];

type Rule = fn(&File) -> Vec<String>;

/// A file of the repository; its path is relative to the root, with forward slashes.
struct File {
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
    fn is_python(&self) -> bool {
        self.path.ends_with(".py")
    }
    /// The part of the house a file is in: `src/<floor>/…` or `src/<floor>.rs`.
    fn floor(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        inside.split('/').next()
    }
    /// How many `super::` lead from this file's module to the root of the crate.
    fn depth(&self) -> usize {
        let steps = self.path.matches('/').count();
        if self.path.ends_with("/mod.rs") { steps - 1 } else { steps }
    }
    fn complaint(&self, line: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path, line + 1)
    }
}

// --- the rules -------------------------------------------------------------------------------------------

/// A floor names only itself and the floors below it.
fn floors(file: &File) -> Vec<String> {
    let Some((floor, allowed)) = FLOORS.iter().find(|(name, _)| file.floor() == Some(name)) else {
        return vec![];
    };
    let known = |name: &str| FLOORS.iter().any(|(other, _)| *other == name);
    imports(&code(&file.text), file.depth())
        .into_iter()
        .filter(|(_, name)| known(name) && !allowed.contains(&name.as_str()))
        .map(|(line, name)| file.complaint(line, &format!("`{floor}` must not know `{name}`")))
        .collect()
}

/// Only `py` knows that there is a Python.
fn python_only_in_py(file: &File) -> Vec<String> {
    if !file.is_rust() || file.floor() == Some("py") {
        return vec![];
    }
    forbid_words(file, &code(&file.text), &["pyo3", "numpy"], "belongs to `py`")
}

/// The core iterates in one order on every machine, and its only clock is the simulated one; `py` looks at the
/// wall clock to notice Ctrl-C.
fn ordered_collections(file: &File) -> Vec<String> {
    let words = ["HashMap", "HashSet", "RandomState", "Instant", "SystemTime"];
    if file.floor().is_none_or(|floor| floor == "py") {
        vec![]
    } else {
        forbid_words(file, &code(&file.text), &words, "is not deterministic")
    }
}

fn long_functions(file: &File) -> Vec<String> {
    let functions = match () {
        () if file.is_rust() => rust_functions(&code(&file.text)),
        () if file.is_python() => python_functions(&file.text),
        () => vec![],
    };
    functions
        .into_iter()
        .filter(|(_, length)| *length > LONGEST_FUNCTION)
        .map(|(line, length)| {
            file.complaint(line, &format!("a function of {length} lines (at most {LONGEST_FUNCTION})"))
        })
        .collect()
}

fn long_files(file: &File) -> Vec<String> {
    let length = file.text.lines().count();
    if (file.is_rust() || file.is_python()) && length > LONGEST_FILE {
        return vec![
            file.complaint(length - 1, &format!("a file of {length} lines (at most {LONGEST_FILE})")),
        ];
    }
    vec![]
}

/// A file of the crate or of the package opens with what it is for.
fn says_what_it_is_for(file: &File) -> Vec<String> {
    let opening: &[&str] = match () {
        () if file.is_rust() && file.path.starts_with("src/") => &["//!"],
        () if file.is_python() && file.path.starts_with("python/") => &["\"\"\"", "r\"\"\""],
        () => return vec![],
    };
    if opening.iter().any(|it| file.text.starts_with(it)) {
        return vec![];
    }
    vec![file.complaint(0, "does not open with what it is for")]
}

fn unfinished(file: &File) -> Vec<String> {
    // Written in halves, so that this file passes its own rule.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    let calls = [
        concat!("todo", "!"),
        concat!("unimplemented", "!"),
        concat!("db", "g!"),
        concat!("breakpoint", "()"),
    ];
    let mut complaints = forbid_words(file, &file.text, &words, "marks something unfinished");
    complaints.extend(forbid_words(file, &file.text, &calls, "marks something unfinished"));
    complaints
}

/// Nothing hangs on one machine's folders or on one mirror of a package registry.
fn places_of_one_machine(file: &File) -> Vec<String> {
    let folders =
        [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];
    let hosts = [
        concat!("py", "pi.org"),
        concat!("crates", ".io"),
        concat!("npm", "js."),
        concat!("python", "hosted"),
    ];
    let here = env!("CARGO_MANIFEST_DIR");
    let places: Vec<&str> = folders.into_iter().chain(hosts).chain([here]).collect();
    forbid(file, &file.text, &places, "is a place of one machine", |_| true)
}

/// Every folder or file beside the registry is named in it.
fn unregistered(registry: &str, protocols: &[String]) -> Vec<String> {
    let registry = code(registry);
    let named = |name: &str| registry.match_indices(name).any(|(at, _)| is_word(&registry, at, name));
    protocols
        .iter()
        .filter(|name| !named(name))
        .map(|name| format!("protocol `{name}` is not registered"))
        .collect()
}

// --- reading source --------------------------------------------------------------------------------------

fn forbid(
    file: &File,
    text: &str,
    places: &[&str],
    why: &str,
    really: impl Fn((&str, usize, &str)) -> bool,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for place in places {
            if line.match_indices(place).any(|(at, _)| really((line, at, place))) {
                complaints.push(file.complaint(number, &format!("`{place}` {why}")));
            }
        }
    }
    complaints
}

fn forbid_words(file: &File, text: &str, words: &[&str], why: &str) -> Vec<String> {
    forbid(file, text, words, why, |(line, at, word)| is_word(line, at, word))
}

/// Whether what stands at `at` is `word` and not a piece of a longer one.
fn is_word(text: &str, at: usize, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let before = text[..at].chars().next_back().is_some_and(inside);
    let after = word.ends_with(inside) && text[at + word.len()..].starts_with(inside);
    !before && !after
}

/// The modules of the crate's root that `code` names: through `crate::`, or through enough `super::`.
fn imports(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("crate::").filter(|(at, _)| is_word(code, *at, "crate::")) {
        let names = heads(&code[start + "crate::".len()..]);
        found.extend(names.into_iter().map(|name| (line_of(code, start), name)));
    }
    let hop = "super::";
    for (start, _) in code.match_indices(hop).filter(|(at, _)| !code[..*at].ends_with(hop)) {
        let rest = code[start..].trim_start_matches(hop);
        let hops = (code.len() - start - rest.len()) / hop.len();
        if hops >= depth {
            found.extend(heads(rest).into_iter().map(|name| (line_of(code, start), name)));
        }
    }
    found
}

/// The first names of a path or of a group of paths: `a::b` gives `a`; `{a::{b, c}, d}` gives `a`, `d`.
fn heads(path: &str) -> Vec<String> {
    let head =
        |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![head(path)] };
    let (mut depth, mut names, mut start) = (0_i32, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(head(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count()
}

/// Rust source with comments and the insides of strings blanked; every line stays where it is.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = blank_length(rest, out.chars().next_back());
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    out
}

/// How many bytes of `rest` are a comment or a literal that starts right here; 0 if none does.
fn blank_length(rest: &str, before: Option<char>) -> usize {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let to_the_end = |end: Option<usize>| end.unwrap_or(rest.len());
    if rest.starts_with("//") {
        return to_the_end(rest.find('\n'));
    }
    if rest.starts_with("/*") {
        return to_the_end(rest.find("*/").map(|at| at + 2));
    }
    if rest.starts_with('"') {
        return quoted_length(rest, '"');
    }
    if let Some(inside) = rest.strip_prefix('\'') {
        // A lifetime has no closing quote right behind its first character.
        let mut chars = inside.chars();
        let is_literal = chars.next() == Some('\\') || chars.next() == Some('\'');
        return if is_literal { quoted_length(rest, '\'') } else { 0 };
    }
    if let (false, Some(raw)) = (in_word, rest.strip_prefix("br").or(rest.strip_prefix('r'))) {
        let fence = raw.len() - raw.trim_start_matches('#').len();
        if raw[fence..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(fence));
            let body = rest.len() - raw.len() + fence + 1;
            return to_the_end(rest[body..].find(&close).map(|at| body + at + close.len()));
        }
    }
    0
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// First line and length of every function with a body, from `fn` to its closing brace.
fn rust_functions(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("fn ").filter(|(at, _)| is_word(code, *at, "fn ")) {
        let (mut nesting, mut braces, mut end) = (0_i32, 0_i32, None);
        for (at, c) in code[start..].char_indices() {
            match c {
                '(' | '[' => nesting += 1,
                ')' | ']' => nesting -= 1,
                ';' if nesting == 0 && braces == 0 => break, // a signature without a body
                '{' => braces += 1,
                '}' => braces -= 1,
                _ => {}
            }
            if c == '}' && braces <= 0 {
                end = Some(start + at);
                break;
            }
        }
        if let Some(end) = end {
            let first = line_of(code, start);
            found.push((first, line_of(code, end) - first + 1));
        }
    }
    found
}

/// First line and length of every function, without its docstring and the blank lines behind it.
fn python_functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let head = line.trim_start();
        if !head.starts_with("def ") && !head.starts_with("async def ") {
            continue;
        }
        let body = first + signature_length(&lines[first..]);
        let doc = docstring_length(&lines[body..]);
        let inside = |line: &&&str| line.trim().is_empty() || indent(line) > indent(lines[first]);
        let mut end = body + doc + lines[body + doc..].iter().take_while(inside).count();
        while lines[end - 1].trim().is_empty() {
            end -= 1;
        }
        found.push((first, end - first - doc));
    }
    found
}

fn signature_length(lines: &[&str]) -> usize {
    let mut open = 0;
    for (at, line) in lines.iter().enumerate() {
        open += line.matches(['(', '[']).count();
        open -= line.matches([')', ']']).count().min(open);
        if open == 0 {
            return at + 1;
        }
    }
    lines.len()
}

fn docstring_length(lines: &[&str]) -> usize {
    let quotes = "\"\"\"";
    let Some(first) = lines.first().map(|line| line.trim().trim_start_matches('r')) else { return 0 };
    let Some(opening) = first.strip_prefix(quotes) else { return 0 };
    if opening.contains(quotes) {
        return 1;
    }
    1 + lines[1..].iter().position(|line| line.contains(quotes)).map_or(lines.len() - 1, |at| at + 1)
}

/// Every text file of the repository that people write.
fn repository() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            if is_generated(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                files.push(File { text: written(&name, text), path: name });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// What somebody wrote in a file: of a notebook not the pictures, whose encoding may spell anything.
fn written(name: &str, text: String) -> String {
    if !name.ends_with(".ipynb") {
        return text;
    }
    let lines = text.lines().map(|line| if line.contains("\"image/png\":") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// What tools make (its contents are theirs), and data that came from elsewhere.
fn is_generated(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    let hidden = last.starts_with('.') && last != ".ci";
    hidden || ["target", "out", "dist", "__pycache__", "node_modules", "data", "Cargo.lock"].contains(&last)
}

fn protocols(files: &[File]) -> Vec<String> {
    let inside = files.iter().filter_map(|file| file.path.strip_prefix("src/protocols/"));
    let mut names: Vec<String> =
        inside.filter_map(|path| path.split(['/', '.']).next()).map(str::to_owned).collect();
    names.retain(|name| name != "mod");
    names.dedup();
    names
}

// --- the tests -------------------------------------------------------------------------------------------

#[test]
fn the_repository_is_tidy() {
    let files = repository();
    assert!(files.iter().any(|file| file.path == "tests/it/tidy.rs"), "the rules look in the wrong place");
    let mut complaints: Vec<String> =
        files.iter().flat_map(|file| RULES.iter().flat_map(|rule| rule(file))).collect();
    let registry = files.iter().find(|file| file.path == "src/protocols/mod.rs").expect("a registry");
    complaints.extend(unregistered(&registry.text, &protocols(&files)));
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// `rule` rejects `bad` and accepts `good`, both seen at `path`.
fn check(rule: Rule, path: &str, bad: &str, good: &str) {
    assert!(!rule(&File::new(path, bad)).is_empty(), "accepted at {path}:\n{bad}");
    assert_eq!(rule(&File::new(path, good)), Vec::<String>::new(), "rejected at {path}:\n{good}");
}

#[test]
fn floors_bite() {
    check(
        floors,
        "src/sim/world.rs",
        "use crate::protocols::raft;",
        "use crate::sim::Time; // crate::protocols",
    );
    check(floors, "src/sim/mod.rs", "use super::check::History;", "use super::sim::Time;");
    check(floors, "src/sim/net/link.rs", "use super::super::super::py;", "use super::super::protocols;");
    check(floors, "src/machines/clocks.rs", "fn f() { crate::check::f() }", "fn f() { crate::sim::f() }");
    check(
        floors,
        "src/protocols/raft/node.rs",
        "use crate::{\n sim::{A, B},\n check};",
        "use crate::{sim::{check, B}, machines};",
    );
    check(
        floors,
        "src/check/explore.rs",
        "use crate::protocols::AnyNode;",
        "const A: &str = \"crate::protocols\";",
    );
    check(floors, "src/protocols/mod.rs", "use $crate::py::X;", "use $crate::sim::X; /* crate::py */");
}

#[test]
fn registration_bites() {
    let folders = ["echo".to_owned(), "raft".to_owned()];
    assert_eq!(unregistered("protocols! { echo => Echo, raft => Raft }", &folders), Vec::<String>::new());
    assert_eq!(unregistered("protocols! { echo => Echo, raft_like => R } // raft", &folders).len(), 1);
    let files =
        ["src/protocols/mod.rs", "src/protocols/echo.rs", "src/protocols/raft/log.rs", "src/sim/mod.rs"];
    assert_eq!(protocols(&files.map(|path| File::new(path, ""))), folders);
}

#[test]
fn bans_bite() {
    check(
        python_only_in_py,
        "src/sim/mod.rs",
        "use pyo3::Python;",
        "//! pyo3 lives elsewhere\nfn pyo3_less() {}",
    );
    check(python_only_in_py, "benches/engine.rs", "use numpy::PyArray;", "let s = r#\"numpy \" numpy\"#;");
    check(
        ordered_collections,
        "src/check/mod.rs",
        "type A = HashMap<u8, u8>;",
        "type A<'a> = FxHashMap<&'a u8, u8>;",
    );
    check(ordered_collections, "src/sim/clock.rs", "std::time::Instant::now()", "'\"'; \"Instant::now()\"");
    check(unfinished, "python/distlab/a.py", concat!("x = 1  # TO", "DO: more"), "TODOS = 1");
    check(unfinished, "src/sim/a.rs", concat!("fn f() { todo", "!() }"), "fn todo() {}");
    check(unfinished, "README.md", concat!("FIX", "ME"), "fixed");
    check(places_of_one_machine, "README.md", concat!("see /ho", "me/me/x"), "see ~/x and the home page");
    check(
        places_of_one_machine,
        "a.toml",
        concat!("url = 'https://py", "pi.org/simple'"),
        "pip install distlab",
    );
}

#[test]
fn lengths_bite() {
    let rust = |lines: usize| {
        format!("//! Doc.\nfn f(a: [u8; 2]) {{\n{}}}\nfn g() {{}}\n", "    a(); // }\n".repeat(lines - 2))
    };
    let python = |lines: usize| {
        let doc = "    \"\"\"Say much.\n".to_owned() + &"    more\n".repeat(90) + "    \"\"\"\n";
        format!(
            "\"\"\"A.\"\"\"\ndef f(\n    a,\n):\n{doc}{}\n\ndef g(): pass\n",
            "    a()\n".repeat(lines - 3)
        )
    };
    for path in ["src/sim/a.rs", "tests/it/a.rs"] {
        check(long_functions, path, &rust(LONGEST_FUNCTION + 1), &rust(LONGEST_FUNCTION));
    }
    check(long_functions, "python/distlab/a.py", &python(LONGEST_FUNCTION + 1), &python(LONGEST_FUNCTION));
    for path in ["src/sim/a.rs", "tests/test_a.py"] {
        check(long_files, path, &"\n".repeat(LONGEST_FILE + 1), &"\n".repeat(LONGEST_FILE));
    }
}

#[test]
fn openings_bite() {
    check(says_what_it_is_for, "src/sim/a.rs", "use std::fs;", "//! What it is for.\nuse std::fs;");
    check(says_what_it_is_for, "python/distlab/a.py", "import os\n", "\"\"\"What it is for.\"\"\"\n");
}
