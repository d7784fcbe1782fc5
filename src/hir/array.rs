//! From syntax to meaning: what stands over members. Subscripts, comprehensions, array values, `match`.

use super::index::count;
use super::label::same_name;
use super::resolve::{Meaning, Resolver};
use super::{Aggregate, Annotation, AnnotationKind, BinderId, Decl, DeclId, ExprId, ExprKind, IndexId};
use crate::builtins::{Builtin, Kernel};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast;

impl<'a> Resolver<'a> {
    /// Runs with these binders as names.
    pub(super) fn within<T>(&mut self, binders: &[BinderId], run: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.scope.len();
        for binder in binders {
            let name = self.model.binder(*binder).name.clone();
            self.scope.push((name, *binder));
        }
        let out = run(self);
        self.scope.truncate(before);
        out
    }

    /// A value that is not an array where an array has been named.
    pub(super) fn bare_array(&mut self, id: DeclId, span: Span) -> ExprKind {
        if let Some((spread, binders)) = &self.spread
            && *spread == id
        {
            let binders = binders.clone();
            self.model.decls[id.0 as usize].read = true;
            let at = binders.iter().map(|b| self.add(ExprKind::Member(*b), span)).collect();
            return ExprKind::Element { decl: id, at, otherwise: None };
        }
        // A declaration is told once.
        if self.bare_in.replace(self.item) == Some(self.item) {
            return ExprKind::Error;
        }
        let decl = self.model.decl(id);
        let line = self.line(decl.span);
        if decl.entity.is_some() && decl.axes.len() == 1 {
            let error = Diagnostic::new(
                Code::E0706,
                format!("`{}` are the values of all members, and one is wanted here", decl.name),
                span,
                format!("declared in line {line}"),
            )
            .help(format!(
                "say what to make of them: `sum({0})`; that of one stands behind its name, as in `max(p.{1} for p in {2})`",
                self.sources.text(span),
                self.own_name(decl),
                self.model.index(self.model.binder(decl.axes[0]).index).name,
            ));
            self.report(error);
            return ExprKind::Error;
        }
        let form = self.form(decl, span);
        let over = self.over(decl, span);
        let sum = format!("sum({})", self.sources.text(span));
        let error = Diagnostic::new(
            Code::E0207,
            format!("`{}` is an array over {over}, and is used as one value", decl.name),
            span,
            format!("declared in line {line}"),
        )
        .help(format!("say which member, `{form}`, or what to make of all: `{sum}`"));
        self.report(error);
        ExprKind::Error
    }

    /// `share[r]`: an array as it is written here, with the members that are to be said.
    pub(super) fn form(&self, decl: &Decl, span: Span) -> String {
        let names: Vec<String> = self.to_be_said(decl, span).iter().map(|(name, _)| name.clone()).collect();
        let written = self.sources.text(span).split('[').next().unwrap_or_default().trim();
        let whole = written.ends_with(&decl.name) || decl.entity.is_none();
        let written = if whole { decl.name.as_str() } else { written };
        if names.is_empty() { written.to_string() } else { format!("{written}[{}]", names.join(", ")) }
    }

    /// The names and indexes of the members that a subscript has to say, where an array is written like this.
    fn to_be_said(&self, decl: &Decl, span: Span) -> Vec<(String, String)> {
        let index = |b: &BinderId| self.model.index(self.model.binder(*b).index).name.clone();
        let whole = self.sources.text(span).starts_with(&decl.name);
        let own = usize::from(decl.entity.is_some() && !whole);
        let axes = decl.axes.iter().skip(own);
        let named = axes.map(|b| match self.model.binder(*b).name.as_str() {
            "" => (index(b).chars().take(1).flat_map(char::to_lowercase).collect(), index(b)),
            name => (name.to_string(), index(b)),
        });
        named.collect()
    }

    /// `Recipient and Year`
    fn over(&self, decl: &Decl, span: Span) -> String {
        let names: Vec<String> = self.to_be_said(decl, span).iter().map(|(_, index)| format!("`{index}`")).collect();
        names.join(" and ")
    }

    /// The name of a declaration inside its entity.
    pub(super) fn own_name(&self, decl: &Decl) -> String {
        let entity = decl.entity.map(|e| format!("{}.", self.model.entities[e.0 as usize].name));
        entity.and_then(|e| decl.name.strip_prefix(&e)).unwrap_or(&decl.name).to_string()
    }

    pub(super) fn subscript(
        &mut self,
        base: &'a ast::Expr,
        subscripts: &'a [ast::Expr],
        otherwise: Option<&'a ast::Expr>,
        span: Span,
    ) -> ExprKind {
        let mut own = None;
        let found = match &base.kind {
            ast::ExprKind::Field(member, field) => {
                let Some((decl, at)) = self.of_member(member, field) else {
                    return self.silent(subscripts, otherwise);
                };
                own = at;
                decl
            }
            ast::ExprKind::Name(name) if !self.scope.iter().any(|(n, _)| n == name) => {
                match self.names.get(name).map(|e| e.meaning) {
                    Some(Meaning::Decl(id)) => Some(id),
                    Some(Meaning::Unknown) => return self.silent(subscripts, otherwise),
                    None => {
                        self.unknown_name(name, base.span);
                        return self.silent(subscripts, otherwise);
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        let Some(decl) = found else {
            let text = self.sources.text(base.span).to_string();
            let error = Diagnostic::new(
                Code::E0207,
                "only an array has members",
                base.span,
                if text.len() <= 40 { format!("`{text}` is none") } else { "this is none".into() },
            )
            .help("a subscript stands behind the name of an array: `share[r]`");
            self.report(error);
            return self.silent(subscripts, otherwise);
        };
        let at = match own {
            Some(own) => self.subscripts_behind(decl, own, subscripts, span),
            None => self.subscripts(decl, subscripts, span),
        };
        // A bare number after `else` counts in the array's unit, so it is a place like any other.
        let ty = self.model.decl(decl).ty.clone();
        let otherwise = otherwise.map(|e| self.expr_wanting(e, ty.as_ref()));
        match at {
            Some(at) => {
                self.model.decls[decl.0 as usize].read = true;
                ExprKind::Element { decl, at, otherwise }
            }
            None => ExprKind::Error,
        }
    }

    /// What stands before a subscript: `Product.supply`, `p.held`; with the member itself where it says one.
    fn of_member(&mut self, base: &'a ast::Expr, field: &ast::Name) -> Option<(Option<DeclId>, Option<Vec<ExprId>>)> {
        let whole = match &base.kind {
            ast::ExprKind::Name(name) if !self.scope.iter().any(|(n, _)| n == name) => {
                self.index_named(name).and_then(|i| self.living(i))
            }
            _ => None,
        };
        if let Some(entity) = whole {
            return Some((Some(self.attribute_named(entity, field)?), Some(Vec::new())));
        }
        let Some(entity) = self.label_type(base).and_then(|i| self.living(i)) else { return Some((None, None)) };
        let member = self.expr(base);
        Some((Some(self.attribute_named(entity, field)?), Some(vec![member])))
    }

    /// Names in what is wrong already count as read.
    fn silent(&mut self, subscripts: &'a [ast::Expr], otherwise: Option<&'a ast::Expr>) -> ExprKind {
        for e in subscripts.iter().chain(otherwise) {
            if !matches!(e.kind, ast::ExprKind::Name(_)) {
                self.expr(e);
            }
        }
        ExprKind::Error
    }

    /// The subscripts of an array, one for each of its indexes; of what a member of an entity has, inside it, behind the
    /// member itself.
    pub(super) fn subscripts(&mut self, id: DeclId, subscripts: &'a [ast::Expr], span: Span) -> Option<Vec<ExprId>> {
        let own = self.own_subscripts(id, span);
        self.subscripts_behind(id, own, subscripts, span)
    }

    /// The same, the first of them known.
    pub(super) fn subscripts_behind(
        &mut self,
        id: DeclId,
        own: Vec<ExprId>,
        subscripts: &'a [ast::Expr],
        span: Span,
    ) -> Option<Vec<ExprId>> {
        let decl = self.model.decl(id);
        let open = decl.axes.len() - own.len().min(decl.axes.len());
        if open != subscripts.len() {
            let (name, line) = (decl.name.clone(), self.line(decl.span));
            let (fact, help) = if open == 0 {
                let help = match self.trades.contains_key(&id) {
                    true => format!("a leg is read with a point: `{name}.1`"),
                    false => format!("write `{name}`, without a subscript"),
                };
                (format!("`{name}` is one value, and has no members"), help)
            } else {
                let has = count(open, "index").replace("indexs", "indexes");
                let given = count(subscripts.len(), "subscript");
                (format!("`{name}` has {has}, and is given {given}"), format!("write `{}`", self.form(decl, span)))
            };
            let error = Diagnostic::new(Code::E0207, fact, span, format!("declared in line {line}")).help(help);
            self.report(error);
            self.silent(subscripts, None);
            return None;
        }
        let indexes: Vec<IndexId> = decl.axes[own.len()..].iter().map(|b| self.model.binder(*b).index).collect();
        let mut at = own;
        for (e, index) in subscripts.iter().zip(indexes) {
            at.push(self.wanted(e, Some(index)));
        }
        Some(at)
    }

    /// The right side of a declaration: an array value where it is an array, a label where one is wanted.
    pub(super) fn value(&mut self, e: &'a ast::Expr, axes: &[BinderId], ty: Option<&Annotation>) -> ExprId {
        let kind = match &e.kind {
            ast::ExprKind::Paren(inner) => return self.value(inner, axes, ty),
            ast::ExprKind::Array(cells) if !axes.is_empty() => self.cells(cells, axes, ty, e.span),
            ast::ExprKind::If(parts) if !axes.is_empty() => {
                let [c, a, b] = &**parts;
                let c = self.expr(c);
                let a = self.value(a, axes, ty);
                ExprKind::If(c, a, self.value(b, axes, ty))
            }
            ast::ExprKind::Array(_) => {
                let error = Diagnostic::new(Code::E0209, "an array value is given to what is no array", e.span, "")
                    .help("say what it is over: `name[i in Index] = { … }`");
                self.report(error);
                ExprKind::Error
            }
            _ => return self.expr_wanting(e, ty),
        };
        self.add(kind, e.span)
    }

    /// `{ team: 30M, seed: 20M, else: 0 }`, nested for several indexes.
    fn cells(
        &mut self,
        written: &'a [(Option<ast::Expr>, ast::Expr)],
        axes: &[BinderId],
        ty: Option<&Annotation>,
        span: Span,
    ) -> ExprKind {
        let (at, rest) = (axes[0], &axes[1..]);
        let index = self.model.binder(at).index;
        let (mut cells, mut otherwise): (Vec<(u32, ExprId)>, Option<ExprId>) = (Vec::new(), None);
        let (mut known, mut misspelt): (Vec<(u32, Span)>, bool) = (Vec::new(), false);
        for (key, value) in written {
            let value = self.value(value, rest, ty);
            let Some(key) = key else {
                if otherwise.is_some() {
                    let error = Diagnostic::new(Code::E0209, "`else` stands twice", span, "in this array value")
                        .help("keep one of them");
                    self.report(error);
                }
                otherwise = Some(value);
                continue;
            };
            let Some(position) = self.key(index, key) else {
                misspelt = true;
                continue;
            };
            if let Some((_, first)) = known.iter().find(|(p, _)| *p == position) {
                let name = self.model.member_name(index, position);
                let error =
                    Diagnostic::new(Code::E0209, format!("`{name}` has two cells"), key.span, "a second one here")
                        .label(*first, "the first")
                        .help("keep one of them");
                self.report(error);
                continue;
            }
            known.push((position, key.span));
            cells.push((position, value));
        }
        // The cell that is missing is most likely the one that is misspelt.
        if misspelt {
            return ExprKind::Error;
        }
        cells.sort_by_key(|(p, _)| *p);
        ExprKind::Cells { at, cells, otherwise }
    }

    /// The member that a cell is for.
    pub(super) fn key(&mut self, index: IndexId, key: &'a ast::Expr) -> Option<u32> {
        let members = |r: &Self, at: i64| {
            let at = u32::try_from(at.checked_sub(r.model.first(index))?).ok()?;
            r.model.members(index).contains(&at).then_some(at)
        };
        let text = self.sources.text(key.span).to_string();
        let unknown = matches!(self.model.index(index).members, super::Members::Unknown);
        let found = match &key.kind {
            ast::ExprKind::Name(name) => self.label_in(index, name),
            ast::ExprKind::Time => self.label_in(index, "time"),
            ast::ExprKind::Bool(value) => self.label_in(index, if *value { "true" } else { "false" }),
            ast::ExprKind::Field(base, field) => match &base.kind {
                ast::ExprKind::Name(name) if same_name(&self.model, index, name) => self.label_in(index, &field.text),
                _ => None,
            },
            _ => super::units::literal(key)
                .filter(|v| v.is_integer() && self.model.is_numeric(index))
                .and_then(|v| num_traits::ToPrimitive::to_i64(&v))
                .and_then(|n| members(self, n)),
        };
        if found.is_none() && !unknown {
            self.no_label(index, text.trim_matches('`'), key.span);
        }
        found
    }

    pub(super) fn match_arms(
        &mut self,
        subject: &'a ast::Expr,
        arms: &'a [(Vec<ast::Expr>, ast::Expr)],
        span: Span,
        wanted: Option<IndexId>,
    ) -> ExprKind {
        let index = self.label_type(subject);
        let subject = self.expr(subject);
        let (mut out, mut otherwise) = (Vec::new(), None);
        for (i, (patterns, value)) in arms.iter().enumerate() {
            let value_id = self.wanted(value, wanted);
            if patterns.is_empty() {
                if i + 1 < arms.len() {
                    let error = Diagnostic::new(
                        Code::E0210,
                        "nothing comes behind `else`",
                        arms[i + 1].0.first().map_or(arms[i + 1].1.span, |p| p.span),
                        "this arm is never reached",
                    )
                    .label(value.span, "`else` takes all that is left")
                    .help("write `else` last, and once");
                    self.report(error);
                    return ExprKind::Error;
                }
                otherwise = Some(value_id);
                continue;
            }
            let patterns = patterns.iter().map(|p| self.wanted(p, index)).collect();
            out.push((patterns, value_id));
        }
        if out.is_empty() {
            let error = Diagnostic::new(Code::E0210, "this `match` has nothing to compare with", span, "")
                .help("write an arm for each case: `match kind { one => 1, else => 0 }`");
            self.report(error);
            return ExprKind::Error;
        }
        ExprKind::Match { subject, arms: out, otherwise }
    }

    /// A function of many members; `None` where the call is of plain values.
    pub(super) fn aggregate(
        &mut self,
        builtin: &'static Builtin,
        args: &'a [ast::Arg],
        span: Span,
    ) -> Option<ExprKind> {
        builtin.aggregate?;
        let over = args.iter().position(|a| !a.binders.is_empty());
        let params = &builtin.signature.params;
        let headed = params.len() == 2 && !params[0].repeated;
        let spread = args.iter().enumerate().find_map(|(i, a)| Some((i, self.array_in(&a.value)?)));
        // Of two arguments the members stand in the second.
        let many = over.or(spread.map(|(i, _)| i));
        let Some(many) = many else {
            if matches!(builtin.kernel, Kernel::Fold(_)) && args.iter().all(|a| a.otherwise.is_none()) {
                // What is wrong in a lone argument may have been an array.
                let before = self.diagnostics.len();
                if let [ast::Arg { value, .. }] = args
                    && let value = self.expr(value)
                    && (self.diagnostics.len() > before || matches!(self.model.expr(value).kind, ExprKind::Error))
                {
                    return Some(ExprKind::Error);
                }
                return None;
            }
            if let [ast::Arg { value: ast::Expr { kind: ast::ExprKind::Name(name), .. }, binders, otherwise: None, .. }] =
                args
                && binders.is_empty()
                && let Some(index) = self.index_named(name)
                && builtin.counts()
            {
                self.model.indexes[index.0 as usize].read = true;
                if matches!(self.model.index(index).members, super::Members::Unknown) {
                    return Some(ExprKind::Error);
                }
                if let Some(entity) = self.living(index) {
                    return Some(ExprKind::Decl(self.model.entities[entity.0 as usize].population));
                }
                let n = self.model.members(index).len();
                return Some(ExprKind::Number {
                    value: num_rational::BigRational::from_integer(n.into()),
                    percent: false,
                });
            }
            let before = self.diagnostics.len();
            let values: Vec<ExprId> = args.iter().map(|a| self.expr(&a.value)).collect();
            // What could not be read may have been an array.
            let unknown = values.iter().any(|e| matches!(self.model.expr(*e).kind, ExprKind::Error));
            if self.diagnostics.len() == before && !unknown {
                let error = Diagnostic::new(
                    Code::E0207,
                    format!("`{}` wants the members of an array", builtin.name()),
                    span,
                    "here it is given none",
                )
                .help(format!("for example `{}`", builtin.example));
                self.report(error);
            }
            return Some(ExprKind::Error);
        };
        let wanted = usize::from(headed) + 1;
        if args.len() != wanted || many + 1 != wanted {
            let error = Diagnostic::new(
                Code::E0202,
                format!("`{}` of members wants {}", builtin.name(), count(wanted, "argument")),
                span,
                "",
            )
            .help(format!("it is called as `{}`; for example `{}`", builtin.signature.text, builtin.example));
            self.report(error);
            return Some(ExprKind::Error);
        }
        let head = if headed { Some(self.expr(&args[0].value)) } else { None };
        let arg = &args[many];
        let mut binders = Vec::new();
        let depth = self.scope.len();
        for binder in &arg.binders {
            let id = self.binder(binder);
            let name = &binder.name.text;
            // A sum over members that hide those around it is rarely the sum that was meant.
            if self.scope.iter().any(|(n, _)| n == name) || self.locals.contains(name) {
                let error = Diagnostic::new(
                    Code::E0102,
                    format!("`{name}` stands for something here already"),
                    binder.name.span,
                    "this would hide it",
                )
                .help("give one of them another name");
                self.report(error);
            }
            self.scope.push((binder.name.text.clone(), id));
            binders.push(id);
            self.filter(id, binder.filter.as_ref());
        }
        let mut like = None;
        let before = self.spread.take();
        if arg.binders.is_empty()
            && let Some((_, decl)) = spread
        {
            let own = self.own_axes(&arg.value, decl);
            binders = self.members_of(decl, own);
            like = Some(decl).filter(|_| own == 0);
            let me = self.model.decl(decl).axes[..own].to_vec();
            self.spread = Some((decl, me.into_iter().chain(binders.iter().copied()).collect()));
        }
        let value = self.expr(&arg.value);
        self.spread = before;
        self.scope.truncate(depth);
        let otherwise = arg.otherwise.as_ref().map(|e| self.expr(e));
        Some(ExprKind::Aggregate(Box::new(Aggregate { builtin, head, binders, like, value, otherwise })))
    }

    /// New names for the members of an array behind those of its first axes.
    pub(super) fn members_of(&mut self, decl: DeclId, own: usize) -> Vec<BinderId> {
        let axes: Vec<(String, IndexId)> = self.model.decl(decl).axes[own..]
            .iter()
            .map(|b| {
                let binder = self.model.binder(*b);
                (binder.name.clone(), binder.index)
            })
            .collect();
        axes.into_iter().map(|(name, index)| self.new_binder(&name, index)).collect()
    }

    /// How many of the first axes of an array are known where it is written like this: that of the member whose it is.
    pub(super) fn own_axes(&self, e: &ast::Expr, decl: DeclId) -> usize {
        match &e.kind {
            ast::ExprKind::Paren(inner) => self.own_axes(inner, decl),
            ast::ExprKind::Call { args, .. } => args.first().map_or(0, |a| self.own_axes(&a.value, decl)),
            ast::ExprKind::Field(base, field) => match &base.kind {
                // `Product.supply` are those of all.
                ast::ExprKind::Name(name) if self.is_index_here(name) => 0,
                // `p.swap.1` is a leg of the trade of one.
                ast::ExprKind::Field(member, _) if field.text.starts_with(|c: char| c.is_ascii_digit()) => {
                    match &member.kind {
                        ast::ExprKind::Name(name) if self.is_index_here(name) => 0,
                        _ => 1,
                    }
                }
                _ => usize::from(self.model.decl(decl).entity.is_some()),
            },
            _ => self.model.decl(decl).axes.len() - self.open_axes(decl).len(),
        }
    }

    /// The array that an expression is as a whole: its bare name, or a function of the whole run or of another moment of it.
    pub(super) fn array_in(&self, e: &ast::Expr) -> Option<DeclId> {
        match &e.kind {
            ast::ExprKind::Paren(inner) => self.array_in(inner),
            ast::ExprKind::Name(name) if !self.scope.iter().any(|(n, _)| n == name) => {
                match self.names.get(name).map(|n| n.meaning) {
                    Some(Meaning::Decl(id)) if !self.open_axes(id).is_empty() => Some(id),
                    _ => None,
                }
            }
            ast::ExprKind::Field(base, leg) => match &base.kind {
                ast::ExprKind::Name(name) => {
                    // `Product.supply` are those of all members.
                    if let Some(entity) = self.index_named(name).and_then(|i| self.living(i))
                        && let Some(Meaning::Decl(id)) =
                            self.own_names[entity.0 as usize].get(&leg.text).map(|e| e.meaning)
                    {
                        return Some(id);
                    }
                    let leg_here = self.leg_named(name, &leg.text).filter(|id| !self.open_axes(*id).is_empty());
                    leg_here.or_else(|| self.array_of_member(base, leg))
                }
                ast::ExprKind::Field(..) => match self.leg_of_member(base, leg) {
                    Some((_, id)) => Some(id).filter(|id| self.own_axes(e, *id) < self.model.decl(*id).axes.len()),
                    None => self.array_of_member(base, leg),
                },
                _ => self.array_of_member(base, leg),
            },
            ast::ExprKind::Call { name, args } => {
                let builtin = crate::builtins::find(&name.text)?;
                if builtin.reducer.is_none() && !matches!(builtin.kernel, Kernel::Memory(_)) {
                    return None;
                }
                let first = args.first().filter(|a| a.binders.is_empty())?;
                self.array_in(&first.value)
            }
            _ => None,
        }
    }

    /// `p.pots`, where a member has an array of that name.
    fn array_of_member(&self, base: &ast::Expr, field: &ast::Name) -> Option<DeclId> {
        let entity = self.label_type(base).and_then(|i| self.living(i))?;
        let Meaning::Decl(id) = self.own_names[entity.0 as usize].get(&field.text)?.meaning else { return None };
        (self.model.decl(id).axes.len() > 1).then_some(id)
    }

    /// Whether a type is that of a label.
    pub(super) fn wants_label(ty: Option<&Annotation>) -> bool {
        matches!(ty.map(|a| &a.kind), Some(AnnotationKind::Label(_)))
    }
}
