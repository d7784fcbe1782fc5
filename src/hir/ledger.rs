//! From syntax to meaning: the edges of the ledger and what is conserved.

use super::resolve::{Head, Meaning, Resolver, quoted};
use super::{
    Annotation, BinderId, Conserve, DeclId, DeclKind, Except, ExprId, Life, Move, Part, Place, PlaceKind, ShortKind,
    Timing, Trade,
};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast;

/// How a move is written, its leg aside.
pub(super) struct Manner {
    pub flow: bool,
    pub two_way: bool,
    pub short: Option<ShortKind>,
    pub timing: Timing,
    pub trade: Option<DeclId>,
}

impl<'a> Resolver<'a> {
    /// First walk: a transfer of several legs is a declaration, and each leg is one: `swap`, `swap.1`, `swap.2`.
    pub(super) fn collect_trade(
        &mut self,
        head: &'a ast::Head,
        legs: &'a [ast::Leg],
        item: &'a ast::Item,
        prelude: bool,
    ) {
        let trade = self.new_decl("transfer", &head.name, item.span, &item.doc);
        self.heads.push(Head::Written(head));
        self.declare(&head.name, Meaning::Decl(trade), prelude);
        let mut ids = Vec::new();
        for (i, leg) in legs.iter().enumerate() {
            let name = ast::Name { text: format!("{}.{}", head.name.text, i + 1), span: leg.span };
            ids.push(self.new_decl("transfer", &name, leg.span, &item.doc));
            self.heads.push(Head::Leg(trade));
        }
        self.trades.insert(trade, ids);
    }

    /// Second walk: the legs of a transfer.
    pub(super) fn trade(
        &mut self,
        id: DeclId,
        legs: &'a [ast::Leg],
        axes: &[BinderId],
        timing: Timing,
        short: Option<ShortKind>,
    ) {
        let ids = self.trades.get(&id).cloned().unwrap_or_default();
        for (leg, written) in ids.iter().zip(legs) {
            let manner = Manner { flow: false, two_way: false, short, timing: timing.clone(), trade: Some(id) };
            let kind = self.leg(written, axes, manner);
            self.model.decls[leg.0 as usize].kind = kind;
        }
        self.model.decls[id.0 as usize].kind = DeclKind::Trade(Box::new(Trade { legs: ids, short, timing }));
    }

    /// `source -> target = amount`
    pub(super) fn leg(&mut self, leg: &'a ast::Leg, axes: &[BinderId], manner: Manner) -> DeclKind {
        let Manner { flow, two_way, short, timing, trade } = manner;
        let amount = self.value(&leg.amount, axes, None);
        let from = self.place(&leg.from);
        let Some(to) = self.target(&leg.to, two_way) else { return DeclKind::Unknown };
        DeclKind::Move(Box::new(Move { flow, two_way, from, to, amount, short, timing, trade }))
    }

    /// `{ devs: 70%; ops: rest }`
    pub(super) fn parts(&mut self, parts: &'a [ast::SplitPart], span: Span) -> Vec<Part> {
        let mut out = Vec::new();
        for (i, (place, instead, part)) in parts.iter().enumerate() {
            if let (ast::PlaceKind::Name { name, .. }, ast::Part::Expr(e)) = (&place.kind, part)
                && name.text == "rest"
                && !self.names.contains_key("rest")
            {
                let stock = self.sources.text(e.span);
                let error =
                    Diagnostic::new(Code::E0101, "there is no stock `rest`", place.span, "the stock stands first")
                        .help(format!("write `{stock}: rest`"))
                        .fix(place.span.to(e.span), format!("{stock}: rest"));
                self.report(error);
                out.push(Part {
                    place: Place { kind: PlaceKind::Unknown, at: Vec::new(), otherwise: None, span: place.span },
                    share: None,
                });
                continue;
            }
            let share = match part {
                ast::Part::Expr(e) => Some(self.expr(e)),
                ast::Part::Rest => None,
            };
            if share.is_none() && i + 1 < parts.len() {
                let text = self.sources.text(place.span).to_string();
                let twice = parts[i + 1..].iter().any(|(_, _, p)| matches!(p, ast::Part::Rest));
                let (fact, help) = if twice {
                    ("two parts cannot both be the rest", "say how much one of them gets")
                } else {
                    ("`rest` is what the others leave, and comes last", "let this part be the last one")
                };
                let error = Diagnostic::new(Code::E0412, fact, place.span, format!("`{text}` is to get the rest"))
                    .label(span, "of this split")
                    .help(help);
                self.report(error);
            }
            out.push(Part { place: self.place_or(place, instead.as_ref()), share });
        }
        out
    }

    /// The options of a policy.
    pub(super) fn options(
        &mut self,
        policy: &ast::Name,
        written: &'a [ast::Setting],
        axes: &[BinderId],
        ty: Option<&Annotation>,
    ) -> Vec<(String, Span, ExprId)> {
        let mut options: Vec<(String, Span, ExprId)> = Vec::new();
        for setting in written {
            let value = self.value(&setting.value, axes, ty);
            let ([name], []) = (&setting.path.names[..], &setting.path.subscripts[..]) else {
                let error =
                    Diagnostic::new(Code::E0415, "an option has a plain name", setting.path.span, "this is none")
                        .help("for example `flat = 0.5%`");
                self.report(error);
                continue;
            };
            if let Some((_, first, _)) = options.iter().find(|(n, ..)| *n == name.text) {
                let error = Diagnostic::new(
                    Code::E0415,
                    format!("`{}` has two options `{}`", policy.text, name.text),
                    name.span,
                    "a second one here",
                )
                .label(*first, "the first")
                .help("give one of them another name");
                self.report(error);
                continue;
            }
            options.push((name.text.clone(), name.span, value));
        }
        if written.is_empty() {
            let error = Diagnostic::new(
                Code::E0415,
                format!("`{}` has no options", policy.text),
                policy.span,
                "a policy chooses between formulas",
            )
            .help(format!("give it one at least: `policy {} {{ flat = 0.5% }}`", policy.text));
            self.report(error);
        }
        options
    }

    pub(super) fn place(&mut self, place: &'a ast::Place) -> Place {
        let mut at = Vec::new();
        let kind = match &place.kind {
            ast::PlaceKind::Cloud => PlaceKind::Cloud,
            ast::PlaceKind::Name { name, subscripts } => match self.names.get(&name.text).map(|e| e.meaning) {
                Some(Meaning::Decl(id)) if subscripts.is_empty() && !self.open_axes(id).is_empty() => {
                    self.bare_end(id, place.span);
                    PlaceKind::Unknown
                }
                Some(Meaning::Decl(id)) => match self.subscripts(id, subscripts, place.span) {
                    Some(found) => {
                        at = found;
                        PlaceKind::Decl(id)
                    }
                    None => PlaceKind::Unknown,
                },
                Some(Meaning::Unknown) => PlaceKind::Unknown,
                Some(Meaning::Index(_)) => {
                    let help = format!("declare stocks over it: `stock held[i in {}]: UNIT = 0`", name.text);
                    self.holds_nothing(&name.text, "an index", help, place.span)
                }
                Some(Meaning::Unit(_)) => {
                    let help = format!("declare a stock: `stock my_stock: {} = 0`", name.text);
                    self.holds_nothing(&name.text, "a unit", help, place.span)
                }
                None => {
                    self.unknown_stock(name);
                    PlaceKind::Unknown
                }
            },
            ast::PlaceKind::Member { base, field, subscripts } => {
                return self.place_of_member(base, field, subscripts, place.span);
            }
        };
        Place { kind, at, otherwise: None, span: place.span }
    }

    fn holds_nothing(&mut self, name: &str, what: &str, help: String, span: Span) -> PlaceKind {
        let error = Diagnostic::new(
            Code::E0403,
            format!("`{name}` is {what}, and holds nothing"),
            span,
            "an end of a flow is a stock or `cloud`",
        )
        .help(help);
        self.report(error);
        PlaceKind::Unknown
    }

    /// An end that is a whole array.
    pub(super) fn bare_end(&mut self, id: DeclId, span: Span) {
        let decl = self.model.decl(id);
        let form = self.form(decl, span);
        let binders: Vec<String> = decl
            .axes
            .iter()
            .map(|b| {
                let binder = self.model.binder(*b);
                format!("{} in {}", binder.name, self.model.index(binder.index).name)
            })
            .collect();
        let error = Diagnostic::new(
            Code::E0207,
            format!("`{}` is an array, and a flow ends in one stock", decl.name),
            span,
            format!("declared in line {}", self.line(decl.span)),
        )
        .help(format!("say which member, `{form}`; a flow for each is `flow f[{}]: …`", binders.join(", ")));
        self.report(error);
    }

    fn unknown_stock(&mut self, name: &ast::Name) {
        if self.incomplete.names {
            return;
        }
        if let Some((entity, error)) = self.of_members(&name.text, name.span) {
            let of = self.model.entities[entity.0 as usize].name.clone();
            self.report(error.help(format!("write the flow inside `{of}`: there `{}` is the member's own", name.text)));
            return self.unknown(name);
        }
        let stocks: Vec<String> =
            self.model.decls.iter().filter(|d| d.word == "stock").map(|d| d.name.clone()).collect();
        let compare = self.may_compare();
        let known = stocks.iter().map(String::as_str).chain(["cloud"]);
        let meant = if compare { did_you_mean(&name.text, known) } else { None };
        let error = Diagnostic::new(
            Code::E0101,
            format!("there is no stock `{}`", name.text),
            name.span,
            "nothing declares it",
        );
        self.report(match (meant, self.stock_of_label(&name.text)) {
            (Some(meant), _) => error.help(format!("did you mean `{meant}`?")).fix(name.span, meant),
            (None, Some(member)) => error.help(format!("did you mean `{member}`?")).fix(name.span, member),
            (None, None) => error.help(format!(
                "declare it: `stock {}: UNIT = 0`; what comes from outside the model flows from `cloud`",
                quoted(&name.text)
            )),
        });
        self.unknown(name);
    }

    /// The stock over the index that has this label, and only that: `paid[devs]`.
    fn stock_of_label(&self, label: &str) -> Option<String> {
        let decl = self.model.decls.iter().filter(|d| d.word == "stock").find(|d| {
            let [binder] = d.axes[..] else { return false };
            let index = self.model.binder(binder).index;
            self.model.members(index).iter().any(|m| self.model.member_name(index, *m) == label)
        })?;
        Some(format!("{}[{}]", quoted(&decl.name), quoted(label)))
    }

    /// When a transfer moves, and what happens when there is too little. In a phase it moves in each step.
    pub(super) fn clauses(&mut self, clauses: &'a [ast::Clause], in_phase: bool) -> (Timing, Option<ShortKind>) {
        let (mut timing, mut short) = (Timing::Missing, None);
        for clause in clauses {
            let new = match &clause.kind {
                ast::ClauseKind::Short(kind) => {
                    if short.replace(*kind).is_some() {
                        let error = Diagnostic::new(
                            Code::E0413,
                            "what happens when there is too little is said twice",
                            clause.span,
                            "and again here",
                        )
                        .help("keep one of them: `capped`, `capped first` or `or skip`");
                        self.report(error);
                    }
                    continue;
                }
                ast::ClauseKind::At(t) => Timing::At(self.expr(t)),
                ast::ClauseKind::Every { period, from, to } => {
                    let period = self.expr(period);
                    let from = from.as_ref().map(|e| self.expr(e));
                    Timing::Every { period, from, to: to.as_ref().map(|e| self.expr(e)) }
                }
                ast::ClauseKind::When { condition, once } => {
                    Timing::When { condition: self.expr(condition), once: *once }
                }
                ast::ClauseKind::EachStep => Timing::Always,
            };
            if !matches!(timing, Timing::Missing) {
                let error =
                    Diagnostic::new(Code::E0408, "a transfer has one time", clause.span, "this is a second one")
                        .help("write a transfer for each");
                self.report(error);
            }
            timing = new;
        }
        if in_phase && matches!(timing, Timing::Missing) {
            timing = Timing::Always;
        }
        (timing, short)
    }

    pub(super) fn conserve(
        &mut self,
        unit: &'a ast::Name,
        total: Option<&'a ast::Expr>,
        except: &'a [ast::Exception],
        span: Span,
    ) {
        let total = total.map(|e| self.expr(e));
        let mut names = Vec::new();
        for ast::Exception { name, field, life } in except {
            let life = life.as_ref().map(|word| if word.text == "births" { Life::Births } else { Life::Deaths });
            let (full, span) = match field {
                Some(field) => (format!("{}.{}", name.text, field.text), name.span.to(field.span)),
                None => (name.text.clone(), name.span),
            };
            names.push(Except { name: full, span, life });
        }
        let Some(id) = self.unit_named(unit) else { return };
        self.model.conserves.push(Conserve { unit: id, unit_span: unit.span, total, except: names, span });
    }
}
