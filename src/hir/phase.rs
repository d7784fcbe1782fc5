//! From syntax to meaning: the parts of a step, and what stands in them.
//!
//! What moves and what gives a state its new value stands in a phase where there are phases; what only says how things are
//! stands outside.

use super::resolve::{Meaning, Resolver, quoted};
use super::{BinderId, DeclKind, Phase};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast::{self, ClauseKind};

impl<'a> Resolver<'a> {
    /// The phases of a model, before anything else: their order counts, and not where they are opened.
    pub(super) fn phases(&mut self, items: impl Iterator<Item = &'a ast::Item>) {
        let mut first: Option<Span> = None;
        for item in items {
            match &item.decl {
                ast::Decl::Phases(names) => {
                    self.phased = true;
                    if let Some(first) = first {
                        let error =
                            Diagnostic::new(Code::E0102, "`phases` stands twice", item.span, "a second order here")
                                .label(first, "first here")
                                .help("name all phases in one line, in their order");
                        self.report(error);
                        continue;
                    }
                    first = Some(item.span);
                    for name in names {
                        self.phase(name);
                    }
                }
                ast::Decl::Phase { name, .. } => {
                    self.phased = true;
                    if !self.opened_phases.contains(&name.text) {
                        self.opened_phases.push(name.text.clone());
                    }
                }
                _ => {}
            }
        }
    }

    fn phase(&mut self, name: &ast::Name) {
        if let Some(first) = self.model.phases.iter().find(|p| p.name == name.text) {
            let error = Diagnostic::new(
                Code::E0102,
                format!("the phase `{}` stands twice", name.text),
                name.span,
                "again here",
            )
            .label(first.span, "first here")
            .help("a phase runs once a step: give the second another name");
            return self.report(error);
        }
        self.model.phases.push(Phase { name: name.text.clone(), span: name.span });
    }

    /// The number of a phase.
    pub(super) fn phase_named(&self, name: &ast::Name) -> Option<usize> {
        self.model.phases.iter().position(|p| p.name == name.text)
    }

    /// Whether a declaration stands where it may.
    pub(super) fn placed(&mut self, item: &'a ast::Item, phase: Option<&'a ast::Name>) {
        use ast::Decl::*;
        if let Phase { name, .. } = &item.decl {
            self.opened(name);
        }
        let dated = |clauses: &'a [ast::Clause]| {
            clauses.iter().find(|c| matches!(c.kind, ClauseKind::At(_) | ClauseKind::Every { .. })).map(|c| c.span)
        };
        let keyword = self.keyword(item);
        let word = self.sources.text(keyword).to_string();
        let known: Vec<&str> = self.model.phases.iter().map(|p| p.name.as_str()).collect();
        let some = known.first().copied().unwrap_or("NAME").to_string();
        let error = match (&item.decl, phase) {
            (Let { .. } | Draw { .. } | Flow { .. } | Update { .. }, Some(_)) => return,
            (Transfer { clauses, .. }, Some(name)) => match dated(clauses) {
                Some(span) => Diagnostic::new(
                    Code::E0410,
                    "what moves on a date moves before all phases",
                    span,
                    "this is a date",
                )
                .label(name.span, format!("it stands in the phase `{}`", name.text))
                .help(
                    "let it stand outside the phases; in a phase say `when …`, or nothing: then it moves in each step",
                ),
                None => return,
            },
            (_, Some(name)) => Diagnostic::new(
                Code::E0410,
                format!("this `{word}` stands in a phase, and belongs outside"),
                keyword,
                "move it out",
            )
            .label(name.span, format!("this is the phase `{}`", name.text))
            .help("a phase holds what happens in a step: `let`, `draw`, `flow`, `transfer`, `update`"),
            (Transfer { clauses, .. }, None) if dated(clauses).is_some() => return,
            (Flow { .. } | Transfer { .. }, None) if self.phased && !self.incomplete.names => Diagnostic::new(
                Code::E0410,
                format!("this `{word}` stands in no phase, and the model has phases"),
                keyword,
                "when in a step does it move?",
            )
            .help(format!("put it into one: `phase {some} {{ {word} … }}`")),
            (Update { .. }, None) if self.phased => {
                Diagnostic::new(Code::E0410, "this `update` stands in no phase", keyword, "when in a step is it made?")
                    .help(format!("put it into one: `phase {some} {{ update … }}`"))
            }
            (Update { head, .. }, None) => {
                let fact = "an `update` stands in a phase, and the model has none";
                Diagnostic::new(Code::E0410, fact, keyword, "when in a step is it made?")
                    .help(format!("say it where the state is declared: `state {} = … next …`", head.name.text))
            }
            _ => return,
        };
        self.report(error);
    }

    /// `phase settle { … }` opens one that is in the order.
    fn opened(&mut self, name: &ast::Name) {
        // What stands where nothing could be read may be the order.
        let unreadable = matches!(self.names.get(&name.text).map(|e| e.meaning), Some(Meaning::Unknown));
        if self.phase_named(name).is_some() || unreadable || self.incomplete.names {
            return;
        }
        let known: Vec<&str> = self.model.phases.iter().map(|p| p.name.as_str()).collect();
        // One line is missing, and not one for each phase.
        if known.is_empty() && self.opened_phases.first() != Some(&name.text) {
            return;
        }
        let meant = did_you_mean(&name.text, known.iter().copied());
        let error = Diagnostic::new(
            Code::E0101,
            format!("there is no phase `{}`", name.text),
            name.span,
            "`phases` does not name it",
        );
        let error = match meant {
            Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(name.span, meant),
            None if known.is_empty() => {
                error.help(format!("say in which order the phases run: `phases {}`", self.opened_phases.join(", ")))
            }
            None => error.help(format!("add it to the order: `phases {}, {}`", known.join(", "), name.text)),
        };
        self.report(error);
    }

    /// `update price = …`: the state, and its rule.
    pub(super) fn update(&mut self, name: &'a ast::Name, value: &'a ast::Expr, axes: &[BinderId]) -> DeclKind {
        let state = match self.names.get(&name.text).map(|e| e.meaning) {
            Some(Meaning::Decl(id)) => Some(id),
            Some(Meaning::Unknown) => {
                self.expr(value);
                return DeclKind::Unknown;
            }
            _ => None,
        };
        let Some(state) = state.filter(|id| self.model.decl(*id).word == "state") else {
            self.no_state(name, state.map(|id| self.model.decl(id).word));
            self.value(value, axes, None);
            return DeclKind::Unknown;
        };
        let decl = self.model.decl(state);
        let root = |b: &BinderId| self.model.index(self.model.binder(*b).index).root;
        let own = self.open_axes(state).to_vec();
        if !own.iter().map(root).eq(axes.iter().map(root)) {
            let members: Vec<String> = own
                .iter()
                .map(|b| {
                    format!("{} in {}", self.model.binder(*b).name, self.model.index(self.model.binder(*b).index).name)
                })
                .collect();
            let head =
                if members.is_empty() { name.text.clone() } else { format!("{}[{}]", name.text, members.join(", ")) };
            let declared = decl.span;
            let error = Diagnostic::new(
                Code::E0207,
                format!("`{}` is over other members than its update", name.text),
                name.span,
                "its update",
            )
            .label(declared, "the state")
            .help(format!("write `update {head} = …`"));
            self.report(error);
            self.value(value, axes, None);
            return DeclKind::Unknown;
        }
        let ty = decl.ty.clone();
        let label = self.written[state.0 as usize].1.and_then(|initial| self.label_type(initial));
        let value = match (&ty, label) {
            (None, Some(_)) if axes.is_empty() => self.wanted(value, label),
            _ => self.value(value, axes, ty.as_ref()),
        };
        DeclKind::Update { state, value }
    }

    fn no_state(&mut self, name: &ast::Name, word: Option<&'static str>) {
        if let (None, false, Some((entity, error))) =
            (word, self.incomplete.names, self.of_members(&name.text, name.span))
        {
            let of = quoted(&self.model.entities[entity.0 as usize].name);
            let phase = self.opened_phases.first().cloned().unwrap_or_else(|| "grow".into());
            let update = format!("entity {of} {{ … phase {phase} {{ update {} = … }} }}", quoted(&name.text));
            return self.report(error.help(format!("each member writes its own: `{update}`")));
        }
        let states = self.model.decls.iter().filter(|d| d.word == "state").map(|d| d.name.as_str());
        let meant = did_you_mean(&name.text, states);
        let error = match word {
            Some(word) => {
                let error = Diagnostic::new(
                    Code::E0414,
                    format!("`{}` is a {word}, and an update gives a state its new value", name.text),
                    name.span,
                    format!("this is a {word}"),
                );
                match (meant, word) {
                    (Some(meant), _) => error.help(format!("did you mean the state `{meant}`?")),
                    (None, "stock") => {
                        error.help("a stock changes by what flows in and out: write a `flow` or a `transfer`")
                    }
                    (None, _) => error.help(format!("what remembers is a state: `state {} = …`", name.text)),
                }
            }
            None if self.incomplete.names => return,
            None => {
                let error = Diagnostic::new(
                    Code::E0101,
                    format!("there is no state `{}`", name.text),
                    name.span,
                    "nothing declares it",
                );
                match meant {
                    Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(name.span, meant),
                    None => error.help(format!("declare it outside the phases: `state {} = …`", name.text)),
                }
            }
        };
        self.report(error);
    }
}
