//! Members that hang on members: labels that are known to be of a part, and flows that build on each other.

use flowc::{Checked, MemLoader, Results, Settings};

fn checked(text: &str) -> Checked {
    let checked = flowc::check("m.flow", text.as_bytes(), &MemLoader::default(), &Settings::default());
    let errors: Vec<String> =
        checked.diagnostics.iter().filter(|d| d.is_error()).map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    checked
}

fn run(text: &str) -> Results {
    checked(text).run().expect("it runs")
}

/// What a written type, a guard or a function's own place says of a label is believed; metrics may read their neighbours.
#[test]
fn labels_of_a_part_are_known_to_be_of_it() {
    let r = run("time month from 0 to 4
        index C {
            | nx: C
          a | b
          b | c
          c | a
        }
        index S in C = a, b
        param q: C = c
        param w[k in S] = { a: 1, b: 2 }
        param u[k in S]: S = { a: b, b: a }
        fn f(k: S) = w[k]
        fn h(r, k) = if nx[r] == k then 1 else 0
        metric y = if member(q, S) then w[q] else 9
        metric z[k in S] = w[u[k]] + f(k)
        metric hh = sum(h(r, a) for r in C)
        index N = -1 .. 1
        param col[n in N] = n
        metric back[n in N] = back[n - 1 else 0] + col[n]
        metric best = argmax(col)
        metric pp = col[best]
        metric mm = match q { a => 1, b => 2, c => 3 }");
    for (name, value) in
        [("y", 9.0), ("z[a]", 3.0), ("z[b]", 3.0), ("hh", 1.0), ("back[0]", -1.0), ("pp", 1.0), ("mm", 3.0)]
    {
        let metric = r.metrics.iter().find(|m| m.name == name).expect("a metric");
        assert_eq!(metric.value, value, "{name}");
    }
}

/// Each member of a capped flow has its own source, so one may read the other; the oracle knows no order of its own.
#[test]
fn capped_flows_of_several_sources_build_on_each_other() {
    for short in ["capped", "capped first", "or skip"] {
        let text = format!(
            "unit TKN
            time month from 0 to 12
            index Stage = 0 .. 3
            stock held[i in Stage]: TKN = {{ 0: 10, else: 4 }}
            flow pass[i in Stage where i < 3]: held[i] -> held[i + 1] =
              (if i == 0 then 1 TKN/month else pass[i - 1] * 1.5 + 0.5 TKN/month) {short}"
        );
        let checked = checked(&text);
        let ir = checked.lower().expect("sound");
        let case = flowc::exec::Case::default();
        let (fast, slow) = (flowc::exec::Program::new(&ir).run(&case), flowc::exec::oracle::run(&ir, &case));
        assert_eq!(fast.columns, slow.columns, "{short}");
        assert_eq!(fast.short, slow.short, "{short}");
        assert!(fast.fault.is_none() && fast.short.iter().any(|n| *n > 0), "{short}: {:?}", fast.short);
    }
}
