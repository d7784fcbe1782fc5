//! From syntax to meaning: what is asked of a model. Goals, what another tool says, and what is assumed.

use num_traits::ToPrimitive;

use super::resolve::{Head, Meaning, Resolver};
use super::{CompareOp, DeclId, DeclKind, ExprKind, Goal, GoalKind};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast;

impl<'a> Resolver<'a> {
    pub(super) fn goal(&mut self, decl: &'a ast::Decl, span: Span) {
        let ast::Decl::Goal { name, optimise, condition, of, share } = decl else { return };
        if let Some(name) = name
            && let Some(first) = self.model.goals.iter().find(|g| g.name.as_ref() == Some(&name.text)).map(|g| g.span)
        {
            let error = Diagnostic::new(
                Code::E0102,
                format!("the goal `{}` is declared twice", name.text),
                name.span,
                "again here",
            )
            .label(first, "first declared here")
            .help("give one of them another name");
            self.report(error);
        }
        let share = share.as_ref().map(|e| self.expr(e));
        let kind = match (optimise, of) {
            (Some(word), _) => {
                let value = self.expr(condition);
                if word.text == "maximize" { GoalKind::Maximize(value) } else { GoalKind::Minimize(value) }
            }
            (None, None) => GoalKind::Holds(self.expr(condition)),
            (None, Some(arm)) => {
                let value = self.expr(condition);
                let ExprKind::Compare(metric, rest) = &self.model.expr(value).kind else {
                    return self.no_comparison(condition.span, arm);
                };
                let (metric, [(op, share)]) = (*metric, &rest[..]) else {
                    return self.no_comparison(condition.span, arm);
                };
                let (op, share) = (*op, *share);
                if op == CompareOp::NotEqual || op == CompareOp::Equal {
                    let error = Diagnostic::new(
                        Code::E0803,
                        format!("a goal asks for at least or at most a share of `{}`", arm.text),
                        condition.span,
                        "two runs are hardly ever equal to the last digit",
                    )
                    .help("compare with `>=` or `<=`");
                    return self.report(error);
                }
                GoalKind::Of { metric, op, share, arm: arm.text.clone() }
            }
        };
        let arms = match &kind {
            GoalKind::Of { arm, .. } if arm != "baseline" => of.as_ref(),
            _ => None,
        };
        self.model.goals.push(Goal { name: name.as_ref().map(|n| n.text.clone()), kind, share, span });
        if let Some(arm) = arms {
            self.arms.push(arm);
        }
    }

    fn no_comparison(&mut self, span: Span, arm: &ast::Name) {
        let error = Diagnostic::new(
            Code::E0803,
            format!("what is compared with `{}`?", arm.text),
            span,
            "a metric is wanted, and a share of what it is there",
        )
        .help(format!("for example `goal sellers_end >= 80% of {}`", arm.text));
        self.report(error);
    }

    /// First walk: an `expect` is named by its formula, and no name means it.
    pub(super) fn collect_expect(&mut self, value: &ast::Expr, item: &ast::Item) {
        let words: Vec<&str> = self.sources.text(value.span).split_whitespace().collect();
        let name = ast::Name { text: words.join(" "), span: value.span };
        self.new_decl("expect", &name, item.span, &item.doc);
        self.heads.push(Head::One);
    }

    /// Second walk: `expect paid within 1e-6 of "ref.csv"`.
    pub(super) fn expect(&mut self, id: DeclId, decl: &'a ast::Decl) {
        let ast::Decl::Expect { value, within, file, column, time, shifted } = decl else { return };
        let both = (self.expr(value), self.expr(within));
        let steps =
            shifted.as_ref().map_or(Some(0), |n| n.value.is_integer().then(|| n.value.to_integer().to_u64())?);
        let Some(steps) = steps else {
            let span = shifted.as_ref().map_or(file.span, |n| n.span);
            let error =
                Diagnostic::new(Code::E0804, "rows are shifted by whole steps", span, "this is no number of steps")
                    .help("write `shifted 1 step`, or take a shorter step");
            return self.report(error);
        };
        if let Some(expect) = self.expect_of_file(both, file, time.as_ref(), column.as_ref(), steps) {
            self.model.decls[id.0 as usize].kind = DeclKind::Expect(Box::new(expect));
        }
    }

    /// The arms that goals compare with are scenarios.
    pub(super) fn known_arms(&mut self) {
        for arm in std::mem::take(&mut self.arms) {
            if self.model.scenarios.iter().any(|s| s.name == arm.text) || self.incomplete.names {
                continue;
            }
            let error = self.no_scenario(arm);
            self.report(error);
        }
    }

    /// A name that is no scenario's.
    pub(super) fn no_scenario(&self, name: &ast::Name) -> Diagnostic {
        let known: Vec<&str> = self.model.scenarios.iter().map(|s| s.name.as_str()).collect();
        let error = Diagnostic::new(
            Code::E0802,
            format!("the model has no scenario `{}`", name.text),
            name.span,
            "nothing declares it",
        );
        match did_you_mean(&name.text, known.iter().copied()) {
            Some(meant) => error.help(format!("did you mean `{meant}`?")),
            None if known.is_empty() => error.help(format!("declare it: `scenario {} {{ fee = 1% }}`", name.text)),
            None => error.help(format!("it has: {}", known.join(", "))),
        }
    }

    pub(super) fn assumption(&mut self, decl: &'a ast::Decl) {
        let ast::Decl::Assumption { name, about, text, source, confidence } = decl else { return };
        if let Some(first) = self.model.assumptions.iter().find(|a| a.name == name.text) {
            let error = Diagnostic::new(
                Code::E0102,
                format!("the assumption `{}` is declared twice", first.name),
                name.span,
                "declared again here",
            )
            .help("give one of them another name");
            return self.report(error);
        }
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for path in about {
            let Some(first) = path.names.first() else { continue };
            if !self.names.contains_key(&first.text) && !self.functions.contains_key(&first.text) {
                self.unknown_name(&first.text, first.span);
            }
            if let Some(Meaning::Decl(id)) = self.names.get(&first.text).map(|e| e.meaning) {
                values.push(id);
                if let (Some(option), DeclKind::Policy { options, .. }) = (path.names.get(1), &self.model.decl(id).kind)
                    && !options.iter().any(|(name, ..)| *name == option.text)
                {
                    let known: Vec<&str> = options.iter().map(|(name, ..)| name.as_str()).collect();
                    let error = Diagnostic::new(
                        Code::E0101,
                        format!("the policy `{}` has no option `{}`", first.text, option.text),
                        option.span,
                        "no option has this name",
                    )
                    .help(format!("it has: {}", known.join(", ")));
                    self.report(error);
                }
            }
            let parts: Vec<&str> = path.names.iter().map(|n| n.text.as_str()).collect();
            names.push(parts.join("."));
        }
        if let Some(word) = confidence
            && !["low", "medium", "high"].contains(&word.text.as_str())
        {
            let error = Diagnostic::new(
                Code::E0101,
                format!("there is no confidence `{}`", word.text),
                word.span,
                "how sure is it?",
            )
            .help("it is `low`, `medium` or `high`");
            self.report(error);
        }
        self.model.assumptions.push(super::Assumption {
            name: name.text.clone(),
            text: text.text.clone(),
            about: names,
            values,
            source: source.as_ref().map(|s| s.text.clone()),
            confidence: confidence.as_ref().map(|c| c.text.clone()),
        });
    }
}
