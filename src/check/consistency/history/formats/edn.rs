//! Reading EDN, the data notation of Clojure, as far as histories use it.
//!
//! Source: <https://github.com/edn-format/edn>. Tags are read past (`#jepsen.independent.Tuple [k v]` is
//! `[k v]`); sets read as lists; floating point, characters and symbols read as text.
use super::Unreadable;

/// A piece of EDN and where it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The byte where it begins.
    pub at: usize,
    /// What it is.
    pub what: What,
}

/// A piece of EDN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// A whole number within 64 bits.
    Int(i64),
    /// A string, a symbol, a character, or a number that is not whole, as it is written.
    Text(String),
    /// `:keyword`, without the colon.
    Keyword(String),
    /// `[…]`, `(…)` or `#{…}`
    List(Vec<Form>),
    /// `{…}`: keys and values in turn.
    Map(Vec<(Form, Form)>),
}

/// How deep forms may be nested; deeper text is refused rather than overflowing the stack.
const DEEPEST: usize = 200;

/// All forms of a text. O(length).
pub fn read(text: &str) -> Result<Vec<Form>, Unreadable> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let mut forms = Vec::new();
    while let Some(form) = reader.next()? {
        forms.push(form);
    }
    Ok(forms)
}

/// Reads one form after the other.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the beginning.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// The next form, or none at the end of the text.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot fail between its items")]
    pub fn next(&mut self) -> Result<Option<Form>, Unreadable> {
        self.skip()?;
        match self.peek() {
            None => Ok(None),
            Some(closing @ (b']' | b')' | b'}')) => {
                Err(self.fault(format!("`{}` closes nothing", char::from(closing))))
            }
            Some(_) => self.form().map(Some),
        }
    }

    /// Goes into the list that begins here, if one does: its items are then read by [`next_item`](Self::next_item).
    pub fn enter_list(&mut self) -> Result<bool, Unreadable> {
        self.skip()?;
        let enters = matches!(self.peek(), Some(b'[' | b'('));
        self.at += usize::from(enters);
        Ok(enters)
    }

    /// The next item of the list that was entered, or none where it ends.
    pub fn next_item(&mut self) -> Result<Option<Form>, Unreadable> {
        self.skip()?;
        match self.peek() {
            Some(b']' | b')') => {
                self.at += 1;
                Ok(None)
            }
            None => Err(self.fault("the list is not closed: `]` is missing")),
            Some(_) => self.form().map(Some),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault(&self, problem: impl Into<String>) -> Unreadable {
        Unreadable::at(self.text, self.at, problem)
    }

    /// Skips space, commas, comments and `#_` forms.
    fn skip(&mut self) -> Result<(), Unreadable> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n' | b',') => self.at += 1,
                Some(b';') => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                Some(b'#') if self.rest().starts_with("#_") => {
                    self.at += 2;
                    self.nested()?;
                }
                _ => return Ok(()),
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// A form that must be there.
    fn nested(&mut self) -> Result<Form, Unreadable> {
        self.skip()?;
        if self.peek().is_none() {
            return Err(self.fault("the text ends where a value should be"));
        }
        self.form()
    }

    fn form(&mut self) -> Result<Form, Unreadable> {
        if self.depth > DEEPEST {
            return Err(self.fault(format!("more than {DEEPEST} levels deep")));
        }
        self.depth += 1;
        let at = self.at;
        let what = match self.peek() {
            Some(b'[') => What::List(self.items(1, b']')?),
            Some(b'(') => What::List(self.items(1, b')')?),
            Some(b'{') => What::Map(self.pairs()?),
            Some(b'"') => What::Text(self.string()?),
            Some(b'\\') => What::Text(self.character()),
            Some(b'#') if self.rest().starts_with("#{") => What::List(self.items(2, b'}')?),
            Some(b'#') => {
                self.at += 1;
                self.token();
                self.nested()?.what
            }
            _ => self.atom()?,
        };
        self.depth -= 1;
        Ok(Form { at, what })
    }

    fn items(&mut self, opening: usize, closing: u8) -> Result<Vec<Form>, Unreadable> {
        let begin = self.at;
        self.at += opening;
        let mut items = Vec::new();
        loop {
            self.skip()?;
            match self.peek() {
                Some(byte) if byte == closing => {
                    self.at += 1;
                    return Ok(items);
                }
                Some(wrong @ (b']' | b')' | b'}')) => {
                    let (wanted, wrong) = (char::from(closing), char::from(wrong));
                    return Err(self.fault(format!("`{wrong}` where `{wanted}` should close")));
                }
                None => {
                    let closing = char::from(closing);
                    return Err(Unreadable::at(
                        self.text,
                        begin,
                        format!("never closed: `{closing}` is missing"),
                    ));
                }
                Some(_) => items.push(self.form()?),
            }
        }
    }

    fn pairs(&mut self) -> Result<Vec<(Form, Form)>, Unreadable> {
        let begin = self.at;
        let mut items = self.items(1, b'}')?.into_iter();
        let mut pairs = Vec::with_capacity(items.len() / 2);
        while let Some(key) = items.next() {
            let Some(value) = items.next() else {
                return Err(Unreadable::at(self.text, begin, "a map with a key that has no value"));
            };
            pairs.push((key, value));
        }
        Ok(pairs)
    }

    fn string(&mut self) -> Result<String, Unreadable> {
        let begin = self.at;
        let mut text = String::new();
        let mut chars = self.text[begin + 1..].char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = begin + 1 + i + 1;
                    return Ok(text);
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some(other) => text.push(other),
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(Unreadable::at(self.text, begin, "a string that never ends"))
    }

    fn character(&mut self) -> String {
        self.at += 1;
        self.token().to_owned()
    }

    /// Everything up to a space or bracket.
    fn token(&mut self) -> &'a str {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || ",[](){}\";".contains(c);
        let token = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += token.len();
        token
    }

    fn atom(&mut self) -> Result<What, Unreadable> {
        let begin = self.at;
        let token = self.token();
        Ok(match token {
            "" => {
                self.at = begin;
                let found = self.rest().chars().next().unwrap_or(' ');
                return Err(self.fault(format!("`{found}` where a value should be")));
            }
            "nil" => What::Nil,
            "true" => What::Bool(true),
            "false" => What::Bool(false),
            _ if token.starts_with(':') => What::Keyword(token[1..].to_owned()),
            _ => match token.trim_end_matches(['N', 'M']).trim_start_matches('+').parse() {
                Ok(number) => What::Int(number),
                Err(_) => What::Text(token.to_owned()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> What {
        let mut forms = read(text).unwrap();
        assert_eq!(forms.len(), 1, "{text}");
        forms.remove(0).what
    }

    #[test]
    fn everything_that_histories_use() {
        assert_eq!(one("nil"), What::Nil);
        assert_eq!(one("-17"), What::Int(-17));
        assert_eq!(one("3N"), What::Int(3));
        assert_eq!(one(":append"), What::Keyword("append".into()));
        assert_eq!(one(r#""a\"b""#), What::Text("a\"b".into()));
        assert_eq!(one("1.5"), What::Text("1.5".into()));
        assert!(matches!(one("[1 2, (3) #{4}]"), What::List(items) if items.len() == 4));
        assert!(matches!(one("#jepsen.independent.Tuple [1 2]"), What::List(items) if items.len() == 2));
        assert!(matches!(one("{:a 1 #_ :ignored :b ; a comment\n 2}"), What::Map(pairs) if pairs.len() == 2));
    }

    #[test]
    fn faults_name_line_and_column() {
        for (text, line, column) in [
            ("[1 2", 1, 1),
            ("{:a\n 1]", 2, 3),
            ("{:a}", 1, 1),
            ("]", 1, 1),
            ("\n \"abc", 2, 2),
            ("#_", 1, 3),
        ] {
            match read(text) {
                Err(Unreadable::Syntax { line: l, column: c, .. }) => {
                    assert_eq!((l, c), (line, column), "{text}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        let deep = "[".repeat(100_000);
        assert!(read(&deep).is_err());
    }
}
