//! What holds for the layout of a text: it says the same, and is its own layout.

use flowc::syntax::fmt::format;
use flowc::syntax::parse::parse;
use flowc::syntax::token::{Tok, lex};

/// What a parse found, without the places where it stands.
pub fn shape(text: &str) -> String {
    let debug = format!("{:?}", parse(text, 0));
    let bytes = debug.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let (mut out, mut at, mut copied) = (String::new(), 0, 0);
    while at < bytes.len() {
        let first = digits(at);
        let second = if first > 0 && bytes[at + first..].starts_with(b"..") { digits(at + first + 2) } else { 0 };
        if second > 0 {
            out.push_str(&debug[copied..at]);
            copied = at + first + 2 + second;
        }
        at += if second > 0 { first + 2 + second } else { first.max(1) };
    }
    out.push_str(&debug[copied..]);
    out
}

/// The tokens of a text, without the blanks that stand between a comment or an open quote and the end of its line.
fn tokens(text: &str) -> Vec<(String, bool)> {
    let kind = |tok: Tok| match tok {
        Tok::Comment(text) => format!("comment {}", trimmed(text)),
        Tok::OpenStr(text) | Tok::OpenQuoted(text) => format!("open {}", trimmed(text)),
        other => format!("{other:?}"),
    };
    lex(text, 0).into_iter().map(|t| (kind(t.tok), t.bol)).collect()
}

fn trimmed(text: &str) -> &str {
    text.trim_end_matches([' ', '\t', '\r', '\u{feff}'])
}

/// What holds for the layout of any text.
pub fn check_layout(text: &str) {
    let laid_out = format(text);
    assert_eq!(tokens(text), tokens(&laid_out), "a token has changed\n--- text\n{text}\n--- laid out\n{laid_out}");
    assert_eq!(laid_out, format(&laid_out), "not the same a second time, of\n{text}");
    assert!(laid_out.is_empty() || (laid_out.ends_with('\n') && !laid_out.ends_with("\n\n")));
    assert!(!laid_out.starts_with('\n') && !laid_out.contains("\n\n\n"));
    assert!(laid_out.split('\n').all(|line| line == trimmed(line)), "blanks at the end of a line of\n{laid_out}");
}
