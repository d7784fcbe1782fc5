//! The grammar file as data: sentences are generated from it, and texts are held against it.

use std::collections::{BTreeMap, BTreeSet};

use flowc::syntax::token::{self, CLAUSES, DECLARATIONS, Tok, Token};

/// A small generator of random numbers (splitmix64), so that every run of the tests sees the same sentences.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

enum Node {
    /// `'word'`
    Terminal(String),
    /// One of [`TOKENS`].
    Token(&'static str),
    Rule(String),
    Not(String),
    SameLine,
    LineStart,
    Sequence(Vec<Node>),
    /// Its branches have consecutive numbers from the first field on.
    Choice(usize, Vec<Node>),
    /// Left out has the number, taken the next one.
    Optional(usize, Box<Node>),
    /// The flag: at least once. Left out or not repeated has the number, taken or repeated the next one.
    Repeat(usize, bool, Box<Node>),
}

pub struct Grammar {
    rules: BTreeMap<String, Node>,
    /// For each rule the levels that its shortest sentence needs.
    height: BTreeMap<String, usize>,
    /// What each number of a choice stands for, to be shown when it was never taken.
    pub branches: Vec<String>,
}

const TOKENS: &[&str] = &["NAME", "LABEL", "UNIT", "STRING", "NUMBER", "DATE", "LEG"];

struct Reader<'g> {
    words: Vec<&'g str>,
    at: usize,
    rule: &'g str,
    branches: Vec<String>,
}

impl<'g> Reader<'g> {
    fn peek(&self) -> &'g str {
        self.words.get(self.at).copied().unwrap_or("")
    }

    fn take(&mut self) -> &'g str {
        let word = self.peek();
        self.at += 1;
        word
    }

    fn expect(&mut self, wanted: &str) {
        let word = self.take();
        assert_eq!(word, wanted, "in rule {}", self.rule);
    }

    fn number(&mut self, count: usize, what: &str) -> usize {
        let first = self.branches.len();
        self.branches.extend((0..count).map(|i| format!("{}: {what} {i}", self.rule)));
        first
    }

    fn choice(&mut self) -> Node {
        let mut branches = vec![self.sequence()];
        while self.peek() == "|" {
            self.at += 1;
            branches.push(self.sequence());
        }
        if branches.len() == 1 {
            return branches.remove(0);
        }
        Node::Choice(self.number(branches.len(), "branch"), branches)
    }

    fn sequence(&mut self) -> Node {
        let mut parts = Vec::new();
        while !["|", ")", ";", ""].contains(&self.peek()) {
            let mut part = self.atom();
            let what = format!("from word {}, repetition", self.at);
            part = match self.peek() {
                "?" => Node::Optional(self.number(2, &what), Box::new(part)),
                "*" => Node::Repeat(self.number(2, &what), false, Box::new(part)),
                "+" => Node::Repeat(self.number(2, &what), true, Box::new(part)),
                _ => {
                    parts.push(part);
                    continue;
                }
            };
            self.at += 1;
            parts.push(part);
        }
        Node::Sequence(parts)
    }

    fn atom(&mut self) -> Node {
        let quoted = |word: &str| word.trim_start_matches('!').trim_matches('\'').to_string();
        match self.take() {
            "(" => {
                let inner = self.choice();
                self.expect(")");
                inner
            }
            "SL" => Node::SameLine,
            "BOL" => Node::LineStart,
            word if word.starts_with("!'") => Node::Not(quoted(word)),
            word if word.starts_with('\'') => Node::Terminal(quoted(word)),
            word => match TOKENS.iter().find(|t| **t == word) {
                Some(token) => Node::Token(token),
                None => Node::Rule(word.to_string()),
            },
        }
    }
}

/// The words of the grammar file: names, quoted terminals with their `!`, and signs.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for line in text.lines().filter(|l| !l.trim_start().starts_with('#')) {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let quote = usize::from(first == '!');
            let length = if rest[quote..].starts_with('\'') {
                quote + 1 + rest[quote + 1..].find('\'').expect("a quote is closed") + 1
            } else if first.is_alphabetic() {
                rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            words.push(&rest[..length]);
            rest = rest[length..].trim_start();
        }
    }
    words
}

impl Grammar {
    pub fn read(text: &str) -> Self {
        let mut reader = Reader { words: words(text), at: 0, rule: "", branches: Vec::new() };
        let mut rules = BTreeMap::new();
        while reader.at < reader.words.len() {
            reader.rule = reader.take();
            reader.expect("=");
            let body = reader.choice();
            reader.expect(";");
            let before = rules.insert(reader.rule.to_string(), body);
            assert!(before.is_none(), "two rules {}", reader.rule);
        }
        let mut grammar = Self { rules, height: BTreeMap::new(), branches: reader.branches };
        loop {
            let known = grammar.height.len();
            for (name, body) in &grammar.rules {
                if let Some(height) = grammar.height_of(body).filter(|_| !grammar.height.contains_key(name)) {
                    grammar.height.insert(name.clone(), height + 1);
                }
            }
            if grammar.height.len() == known {
                break;
            }
        }
        for name in grammar.rules.keys() {
            assert!(
                grammar.height.contains_key(name),
                "rule {name} has no sentence, or names a rule that is not there"
            );
        }
        grammar
    }

    pub fn rules(&self) -> BTreeSet<String> {
        self.rules.keys().cloned().collect()
    }

    fn height_of(&self, node: &Node) -> Option<usize> {
        match node {
            Node::Rule(name) => self.height.get(name).copied(),
            Node::Sequence(parts) => parts.iter().map(|p| self.height_of(p)).try_fold(0, |max, h| Some(max.max(h?))),
            Node::Choice(_, branches) => branches.iter().filter_map(|b| self.height_of(b)).min(),
            Node::Repeat(_, true, part) => self.height_of(part),
            _ => Some(0),
        }
    }
}

/// Where a word may stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// On the line of the word before.
    Same,
    /// On a line of its own.
    Line,
    /// Anywhere.
    Free,
}

/// A word of a sentence.
#[derive(Clone, Debug)]
pub struct Word {
    pub text: String,
    pub start: Start,
    label: bool,
}

const NAMES: &[&str] = &["a", "b", "fund", "team", "x_1", "price", "`Room Temp`", "größe", "_t"];
const LABELS: &[&str] = &[
    "a", "seed", "rest", "if", "in", "use", "phase", "entity", "flow", "cloud", "rate", "not", "match", "time", "`a b`",
];
const NUMBERS: &[&str] = &["0", "1", "12", "0.5", "2.5e-3", "1_000", "20k", "5%", "1.5B"];
const STRINGS: &[&str] = &["\"m.csv\"", "\"\"", "\"a // b\"", "\"ü {\""];
const LEGS: &[&str] = &[".1", ".2", ".12"];
const DATES: &[&str] = &["@2021-08-04", "@2021-12-31"];

/// Sentences of a grammar.
pub struct Generator<'g> {
    grammar: &'g Grammar,
    pub random: Random,
    pub used_rules: BTreeSet<String>,
    pub used_branches: BTreeSet<usize>,
    out: Vec<Word>,
    start: Start,
    not_next: Option<String>,
}

impl<'g> Generator<'g> {
    pub fn new(grammar: &'g Grammar, seed: u64) -> Self {
        let (used_rules, used_branches) = Default::default();
        let (random, out, start) = (Random(seed), Vec::new(), Start::Free);
        Self { grammar, random, used_rules, used_branches, out, start, not_next: None }
    }

    /// A sentence of a rule; past about `length` words it takes the shortest way out.
    pub fn sentence(&mut self, rule: &str, length: usize) -> Vec<Word> {
        (self.start, self.not_next) = (Start::Free, None);
        self.rule(rule, length);
        let mut words = std::mem::take(&mut self.out);
        for i in 0..words.len() {
            let entry = words.get(i + 1).is_some_and(|w| ["|", "=", ":"].contains(&w.text.as_str()));
            let word = &mut words[i];
            // Such a word at the start of a line would begin a declaration.
            if word.label && word.start == Start::Line && !entry && DECLARATIONS.contains(&word.text.as_str()) {
                word.text = "label".into();
            }
        }
        words
    }

    fn rule(&mut self, name: &str, length: usize) {
        self.used_rules.insert(name.to_string());
        // `5 time` is a quantity, and `time` behind the file of an `expect` its column.
        if !self.out.is_empty() && (name == "time" || name == "decl" && self.random.chance(80)) {
            self.start = Start::Line;
        }
        // Otherwise the first expression would leave no words for the clauses behind it.
        let room = if name == "expr" { *self.random.pick(&[1, 1, 2, 4, 8, 20]) } else { length };
        self.node(&self.grammar.rules[name], length.min(self.out.len() + room));
    }

    fn node(&mut self, node: &'g Node, length: usize) {
        let short = self.out.len() >= length;
        match node {
            Node::Terminal(text) => self.word(text.clone(), false),
            Node::Token(kind) => {
                let pool = match *kind {
                    "NAME" | "UNIT" => NAMES,
                    "LABEL" => LABELS,
                    "STRING" => STRINGS,
                    "NUMBER" => NUMBERS,
                    "LEG" => LEGS,
                    _ => DATES,
                };
                let behind = self.out.last().is_some_and(|w| ends_a_name(&w.text));
                if *kind == "LEG" && !(behind && self.start == Start::Free) {
                    return;
                }
                let text = self.random.pick(pool).to_string();
                self.word(text, *kind == "LABEL");
            }
            Node::Rule(name) => self.rule(name, length),
            Node::Not(text) => self.not_next = Some(text.clone()),
            Node::SameLine => self.start = Start::Same,
            Node::LineStart => self.start = Start::Line,
            Node::Sequence(parts) => parts.iter().for_each(|p| self.node(p, length)),
            Node::Choice(first, branches) => {
                let height = |b: &Node| self.grammar.height_of(b).unwrap_or(usize::MAX);
                let lowest = branches.iter().map(height).min().unwrap_or(0);
                let fit: Vec<usize> =
                    (0..branches.len()).filter(|b| !short || height(&branches[*b]) == lowest).collect();
                let unused = fit.iter().find(|b| !self.used_branches.contains(&(first + **b))).copied();
                let branch = match unused.filter(|_| self.random.chance(50)) {
                    Some(branch) => branch,
                    None => *self.random.pick(&fit),
                };
                self.used_branches.insert(first + branch);
                self.node(&branches[branch], length);
            }
            Node::Optional(id, part) => {
                let taken = !short && self.random.chance(if self.used_branches.contains(&(id + 1)) { 40 } else { 70 });
                self.used_branches.insert(id + usize::from(taken));
                if taken {
                    self.node(part, length);
                }
            }
            Node::Repeat(id, at_least_once, part) => {
                if *at_least_once {
                    self.node(part, length);
                }
                let mut taken = false;
                let chance = if self.used_branches.contains(&(id + 1)) { 33 } else { 70 };
                while self.out.len() < length && self.random.chance(chance) {
                    self.node(part, length);
                    taken = true;
                }
                self.used_branches.insert(id + usize::from(taken));
            }
        }
    }

    fn word(&mut self, text: String, label: bool) {
        assert!(self.not_next.take().is_none_or(|not| not != text), "the generator cannot take back a `{text}`");
        let mut start = std::mem::replace(&mut self.start, Start::Free);
        let decl = DECLARATIONS.contains(&text.as_str());
        if start == Start::Free && !decl && !self.out.is_empty() && self.random.chance(6) {
            start = Start::Line;
        }
        self.out.push(Word { text, start, label });
    }
}

/// Only behind a name or a bracket a point and a number are a leg.
fn ends_a_name(word: &str) -> bool {
    let tokens = token::lex(word, 0);
    matches!(tokens.last().map(|t| t.tok), Some(Tok::Word(_) | Tok::Quoted(_) | Tok::CloseSquare))
}

/// The text of a sentence, with white space and comments as they come.
pub fn render(words: &[Word], random: &mut Random) -> String {
    let mut text = String::new();
    for (i, word) in words.iter().enumerate() {
        if LEGS.contains(&word.text.as_str()) {
            text.push_str(&word.text);
            continue;
        }
        if i > 0 && word.start == Start::Line {
            match random.below(12) {
                0 => text.push_str("  // remark: a -> b  \r\n\t"),
                1 => text.push_str("\n\n \n/// what { it is\n"),
                2..5 => text.push_str("\n    "),
                _ => text.push('\n'),
            }
        } else if i > 0 {
            text.push_str(if random.chance(5) { "  \t" } else { " " });
        }
        text.push_str(&word.text);
    }
    text
}

/// Whether a grammar has a text as a sentence of a rule.
pub struct Recogniser<'g, 's> {
    grammar: &'g Grammar,
    text: &'s str,
    tokens: Vec<Token<'s>>,
    memo: BTreeMap<(&'g str, usize), BTreeSet<usize>>,
}

impl<'g, 's> Recogniser<'g, 's> {
    pub fn accepts(grammar: &'g Grammar, rule: &'g str, text: &'s str) -> bool {
        let tokens: Vec<Token> =
            token::lex(text, 0).into_iter().filter(|t| !matches!(t.tok, Tok::Comment(_))).collect();
        let end = tokens.len();
        let mut recogniser = Self { grammar, text, tokens, memo: BTreeMap::new() };
        recogniser.rule(rule, 0).contains(&end)
    }

    fn rule(&mut self, name: &'g str, at: usize) -> BTreeSet<usize> {
        if let Some(ends) = self.memo.get(&(name, at)) {
            return ends.clone();
        }
        let grammar = self.grammar;
        let mut ends = self.ends(&grammar.rules[name], at);
        if name == "quantity"
            && let Some(longest) = ends.pop_last()
        {
            ends = BTreeSet::from([longest]);
        }
        self.memo.insert((name, at), ends.clone());
        ends
    }

    /// Where a node that begins at `at` may end.
    fn ends(&mut self, node: &'g Node, at: usize) -> BTreeSet<usize> {
        let one = |matches: bool, end: usize| if matches { BTreeSet::from([end]) } else { BTreeSet::new() };
        let token = self.tokens.get(at).copied();
        let bol = token.is_some_and(|t| t.bol);
        match node {
            Node::Terminal(text) => one(token.is_some_and(|t| self.is(t, text)), at + 1),
            Node::Token(kind) => one(token.is_some_and(|t| is_token(t, kind) && !self.is_keyword(at)), at + 1),
            Node::Rule(name) => self.rule(name, at),
            Node::Not(text) => one(!token.is_some_and(|t| self.is(t, text)), at),
            Node::SameLine => one(token.is_some() && !bol, at),
            Node::LineStart => one(bol, at),
            Node::Sequence(parts) => {
                parts.iter().fold(BTreeSet::from([at]), |starts, part| self.all_ends(part, &starts))
            }
            Node::Choice(_, branches) => branches.iter().flat_map(|b| self.ends(b, at)).collect(),
            Node::Optional(_, part) => {
                let mut ends = self.ends(part, at);
                ends.insert(at);
                ends
            }
            Node::Repeat(_, at_least_once, part) => {
                let mut ends = if *at_least_once { self.ends(part, at) } else { BTreeSet::from([at]) };
                let mut new = ends.clone();
                while !new.is_empty() {
                    new = self.all_ends(part, &new).difference(&ends).copied().collect();
                    ends.extend(&new);
                }
                ends
            }
        }
    }

    fn all_ends(&mut self, node: &'g Node, starts: &BTreeSet<usize>) -> BTreeSet<usize> {
        starts.iter().flat_map(|s| self.ends(node, *s)).collect()
    }

    /// Whether the token begins a declaration by its place, so that it cannot be a label.
    fn is_keyword(&self, at: usize) -> bool {
        let entry = self.tokens.get(at + 1).is_some_and(|t| matches!(t.tok, Tok::Bar | Tok::Equals | Tok::Colon));
        let Tok::Word(word) = self.tokens[at].tok else { return false };
        self.tokens[at].bol && word != "time" && DECLARATIONS.contains(&word) && !entry
    }

    fn is(&self, token: Token, text: &str) -> bool {
        &self.text[token.span.start as usize..token.span.end as usize] == text
    }
}

fn is_token(token: Token, kind: &str) -> bool {
    match (kind, token.tok) {
        ("NAME", Tok::Word(word)) => !token::is_reserved(word),
        ("LABEL", Tok::Word(_)) => true,
        ("UNIT", Tok::Word(word)) => !token::is_reserved(word) && !CLAUSES.contains(&word),
        ("NAME" | "LABEL" | "UNIT", Tok::Quoted(name)) => !name.is_empty(),
        ("NUMBER", Tok::Number(n)) => ["", "%", "k", "M", "B", "T"].contains(&n.suffix()),
        ("STRING", Tok::Str(_)) | ("DATE", Tok::Date(_)) | ("LEG", Tok::Leg(_)) => true,
        _ => false,
    }
}
