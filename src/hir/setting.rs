//! From syntax to meaning: what a call or a scenario puts in place of what the model says.

use super::resolve::{Meaning, Resolver, Setting, quoted};
use super::{Assert, BinaryOp, ClockPart, CompareOp, DeclId, DeclKind, ExprId, ExprKind, Scenario};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast;

/// What is set, and to what.
struct Set<'a> {
    name: &'a ast::Name,
    /// The one member that is set, if it is not the whole.
    at: &'a [ast::Expr],
    value: &'a ast::Expr,
}

impl<'a> Resolver<'a> {
    /// Scenarios are read in any case; the one that is named counts, and what the call itself sets wins over it.
    pub(super) fn settings(&mut self, settings: &'a [Setting]) {
        let chosen = settings.iter().find_map(|s| match s {
            // The run without one.
            Setting::Scenario(name) if name.text != "baseline" => Some(name),
            _ => None,
        });
        for (name, written) in std::mem::take(&mut self.scenarios) {
            let apply = chosen.is_some_and(|c| c.text == name.text);
            self.scenario(name, written, apply);
        }
        if let Some(name) = chosen
            && !self.model.scenarios.iter().any(|s| s.name == name.text)
            && !self.incomplete.names
        {
            let error = self.no_scenario(name);
            self.report(error);
        }
        self.model.in_force = chosen.map(|name| name.text.clone());
        self.known_arms();
        self.set_here.clear();
        let (mut call_sets, mut asked) = (Vec::new(), None);
        for setting in settings {
            match setting {
                Setting::Clock { part, value } => {
                    let value = self.expr(value);
                    let Some(clock) = &mut self.model.clock else { continue };
                    match part {
                        ClockPart::Start => clock.from = value,
                        ClockPart::Stop => clock.to = value,
                        _ => clock.step = Some(value),
                    }
                }
                Setting::Value { name, at, value } => {
                    let known = (self.set_here.len(), self.model.set_members.len());
                    self.set(&Set { name, at, value }, true);
                    call_sets.extend(self.set_here[known.0..].iter().map(|id| (*id, None, name.span)));
                    let members = &self.model.set_members[known.1..];
                    call_sets.extend(members.iter().map(|(id, at, span)| (*id, Some(at.clone()), *span)));
                }
                Setting::Only { entity, condition } => self.only(entity, condition),
                Setting::Experiment(experiment) => asked = Some(experiment),
                Setting::Scenario(_) => {}
            }
        }
        self.experiments(asked, chosen, &call_sets);
    }

    /// Which members a call wants to see.
    fn only(&mut self, name: &'a ast::Name, condition: &'a ast::Expr) {
        let Some(entity) = self.entity_named(name) else { return };
        self.stand_in(Some(entity));
        let span = name.span.to(condition.span);
        let condition = self.expr(condition);
        self.stand_in(None);
        self.model.only.push(Assert { entity: Some(entity), condition, span });
    }

    fn scenario(&mut self, name: &'a ast::Name, written: &'a [ast::Setting], apply: bool) {
        if let Some(first) = self.model.scenarios.iter().find(|s| s.name == name.text).map(|s| s.span) {
            let error = Diagnostic::new(
                Code::E0102,
                format!("the scenario `{}` is declared twice", name.text),
                name.span,
                "declared again here",
            )
            .label(first, "first declared here")
            .help("give one of them another name");
            return self.report(error);
        }
        if name.text == "baseline" {
            let error = Diagnostic::new(
                Code::E0104,
                "`baseline` is the run without a scenario",
                name.span,
                "so no scenario has this name",
            );
            self.report(error.help("choose another name"));
        }
        self.set_here.clear();
        let before = self.model.set_members.len();
        let (mut settings, mut sets) = (Vec::new(), Vec::new());
        for setting in written {
            let [target] = &setting.path.names[..] else {
                let error =
                    Diagnostic::new(Code::E0801, "a setting has a plain name", setting.path.span, "this is none")
                        .help("for example `fee = 1%`, `share[team] = 10%`");
                self.report(error);
                continue;
            };
            let set = Set { name: target, at: &setting.path.subscripts, value: &setting.value };
            let known = (self.set_here.len(), self.model.set_members.len());
            settings.extend(self.set(&set, apply));
            sets.extend(self.set_here[known.0..].iter().map(|id| (*id, None, target.span)));
            sets.extend(self.model.set_members[known.1..].iter().map(|(id, at, span)| (*id, Some(at.clone()), *span)));
        }
        // Which members are set twice is asked of each source of settings by itself.
        let members = self.model.set_members.split_off(before);
        self.scenario_members.extend(members);
        self.model.scenarios.push(Scenario { name: name.text.clone(), span: name.span, settings, sets });
    }

    /// Puts a value in its place, if it is to count; and says what was set.
    fn set(&mut self, set: &Set<'a>, apply: bool) -> Option<(DeclId, ExprId)> {
        let Set { name, at, value } = *set;
        let id = match self.names.get(&name.text).map(|e| e.meaning) {
            Some(Meaning::Decl(id)) => id,
            // It stands in what could not be read, and that has been said.
            Some(Meaning::Unknown) => return None,
            _ => {
                self.nothing_to_set(name);
                return None;
            }
        };
        if let DeclKind::Policy { .. } = self.model.decl(id).kind {
            self.choose(id, name, set, apply);
            return None;
        }
        if !at.is_empty() {
            return self.set_member(id, set, apply);
        }
        let axes = self.model.decl(id).axes.clone();
        let ty = self.model.decl(id).ty.clone();
        let label = match self.model.decl(id).kind {
            DeclKind::Param { value, .. } => match self.model.expr(value).kind {
                ExprKind::Label(root, _) => Some(root),
                _ => None,
            },
            _ => None,
        };
        let value = match label.filter(|_| ty.is_none()) {
            Some(root) => self.wanted(value, Some(root)),
            None => self.within(&axes, |r| r.value(value, &axes, ty.as_ref())),
        };
        let (DeclKind::Param { .. } | DeclKind::Stock { .. }) = self.model.decl(id).kind else {
            self.not_settable(name, id);
            return None;
        };
        if self.set_here.contains(&id) || self.model.set_members.iter().any(|(other, ..)| *other == id) {
            self.set_twice(format!("`{}`", name.text), name);
            return None;
        }
        self.set_here.push(id);
        if apply {
            self.put(id, value);
        }
        Some((id, value))
    }

    fn put(&mut self, id: DeclId, value: ExprId) {
        if let DeclKind::Param { set, .. } | DeclKind::Stock { set, .. } = &mut self.model.decls[id.0 as usize].kind {
            *set = Some(value);
        }
    }

    /// Puts an option of a policy in force.
    fn choose(&mut self, id: DeclId, name: &ast::Name, set: &Set<'a>, apply: bool) {
        if self.set_here.contains(&id) {
            return self.set_twice(format!("`{}`", name.text), name);
        }
        self.set_here.push(id);
        let DeclKind::Policy { options, .. } = &self.model.decl(id).kind else { return };
        let names: Vec<String> = options.iter().map(|(n, ..)| n.clone()).collect();
        let text = match &set.value.kind {
            ast::ExprKind::Name(option) => option.clone(),
            _ => self.sources.text(set.value.span).trim_matches('`').to_string(),
        };
        let found = names.iter().position(|n| *n == text).filter(|_| set.at.is_empty());
        if let Some(option) = found {
            if let (true, DeclKind::Policy { chosen, .. }) = (apply, &mut self.model.decls[id.0 as usize].kind) {
                *chosen = option;
            }
            return;
        }
        let error = match set.at.first() {
            Some(at) => Diagnostic::new(
                Code::E0801,
                format!("an option of `{}` is in force for all members", name.text),
                at.span,
                "so it is not set for one",
            )
            .help(format!(
                "write `{} = {}`",
                name.text,
                names.iter().find(|n| **n == text).unwrap_or(&names[0])
            )),
            None => {
                let error = Diagnostic::new(
                    Code::E0801,
                    format!("the policy `{}` has no option `{text}`", name.text),
                    set.value.span,
                    "an option is wanted here",
                );
                match did_you_mean(&text, names.iter().map(String::as_str)) {
                    Some(meant) => error.help(format!("did you mean `{meant}`?")),
                    None => error.help(format!("it has: {}", names.join(", "))),
                }
            }
        };
        self.report(error);
    }

    fn nothing_to_set(&mut self, name: &ast::Name) {
        if self.incomplete.names {
            return;
        }
        let compare = self.may_compare();
        let settable = |d: &&super::Decl| {
            let kind = matches!(d.kind, DeclKind::Param { .. } | DeclKind::Stock { .. } | DeclKind::Policy { .. });
            kind && d.entity.is_none()
        };
        let known: Vec<&str> = self.model.decls.iter().filter(settable).map(|d| d.name.as_str()).collect();
        let meant = if compare { did_you_mean(&name.text, known.iter().copied()) } else { None };
        let error = Diagnostic::new(
            Code::E0801,
            format!("the model has nothing to set called `{}`", name.text),
            name.span,
            "no param, policy or stock has this name",
        );
        if self.of_members(&name.text, name.span).is_some() {
            let own = quoted(&name.text);
            return self.report(error.help(format!(
                "each member has its own `{own}`: let it read a `param` that stands outside of the entity, and set that"
            )));
        }
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => "the model has no params".into(),
            None => format!("it has: {}", known.join(", ")),
        };
        self.report(error.help(help));
    }

    /// What the model works out itself; what could not be read stays silent.
    fn not_settable(&mut self, name: &ast::Name, id: DeclId) {
        let decl = self.model.decl(id);
        if matches!(decl.kind, DeclKind::Unknown) {
            return;
        }
        let help = match decl.word {
            "flow" | "transfer" => "let its amount read a `param`, and set that",
            "state" => "let it start at a `param`, and set that",
            _ => "make it a `param` to set it from outside",
        };
        let why = match decl.word {
            "column" => "stands in a table",
            "draw" => "is left to chance",
            _ => "is worked out by the model",
        };
        let error = Diagnostic::new(
            Code::E0801,
            format!("`{}` is a {}, and {why}", name.text, decl.word),
            name.span,
            "only params, policies and the openings of stocks can be set",
        )
        .help(help);
        self.report(error);
    }

    fn set_twice(&mut self, what: String, name: &ast::Name) {
        let error = Diagnostic::new(Code::E0801, format!("{what} is set twice"), name.span, "and again here");
        self.report(error.help("set it once"));
    }

    /// The condition that the member at hand of an array is this one.
    pub(super) fn is_member(&mut self, id: DeclId, members: &[u32], span: Span) -> Option<ExprId> {
        let axes = self.model.decl(id).axes.clone();
        let mut condition = None;
        for (axis, position) in axes.into_iter().zip(members) {
            let index = self.model.binder(axis).index;
            let member = self.add(ExprKind::Member(axis), span);
            let subscript = match self.model.is_numeric(index) {
                true => {
                    let n = self.model.first(index) + i64::from(*position);
                    ExprKind::Number { value: num_rational::BigRational::from_integer(n.into()), percent: false }
                }
                false => ExprKind::Label(self.model.index(index).root, *position),
            };
            let subscript = self.add(subscript, span);
            let is = self.add(ExprKind::Compare(member, vec![(CompareOp::Equal, subscript)]), span);
            condition = Some(match condition {
                Some(before) => self.add(ExprKind::Binary(BinaryOp::And, before, is), span),
                None => is,
            });
        }
        condition
    }

    /// Puts a value in place of one member's.
    fn set_member(&mut self, id: DeclId, set: &Set<'a>, apply: bool) -> Option<(DeclId, ExprId)> {
        let Set { name, at, value } = *set;
        if self.model.decl(id).axes.len() != at.len() {
            // Said with the array's shape.
            self.subscripts(id, at, name.span);
            return None;
        }
        let indexes: Vec<_> = self.model.decl(id).axes.iter().map(|b| self.model.binder(*b).index).collect();
        let members: Vec<u32> = indexes.iter().zip(at).filter_map(|(index, e)| self.key(*index, e)).collect();
        if members.len() != at.len() {
            return None;
        }
        let ty = self.model.decl(id).ty.clone();
        let value = self.expr_wanting(value, ty.as_ref());
        let span = self.model.expr(value).span;
        let (DeclKind::Param { value: default, set: before, .. }
        | DeclKind::Stock { opening: default, set: before, .. }) = self.model.decl(id).kind
        else {
            self.not_settable(name, id);
            return None;
        };
        let mine = |(other, _, _): &&(DeclId, Vec<u32>, Span)| *other == id;
        if self.set_here.contains(&id) || self.model.set_members.iter().filter(mine).any(|(_, m, _)| *m == members) {
            self.set_twice(format!("this member of `{}`", name.text), name);
            return None;
        }
        let condition = self.is_member(id, &members, span)?;
        self.model.set_members.push((id, members, name.span));
        if apply {
            let new = self.add(ExprKind::If(condition, value, before.unwrap_or(default)), span);
            self.put(id, new);
        }
        Some((id, value))
    }
}
