//! What must hold of every tree.

use iothub_query::{
    Aggregate, Collection, Column, Comparison, Condition, Element, Expr, Function, Literal, Membership, Name,
    Operator, Path, Query, Root, Select, Statistic, Step,
};
use proptest::prelude::*;
use serde_json::{Number, Value, json};

fn name(text: &str) -> Name {
    Name::new(text).expect("a name that queries can say")
}

fn any_name() -> impl Strategy<Value = Name> {
    let odd = "[^\\]]{1,4}".prop_filter_map("no name", |name| Name::new(&name).ok());
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c", "tags", "and", "Top", "null", "is_null", "$version", "x-y"])
            .prop_map(name),
        1 => odd,
    ]
}

/// Roots are spelled as documents do, as queries have them after reading.
fn any_root() -> impl Strategy<Value = Name> {
    let columns = prop::sample::select(Collection::Devices.columns()).prop_map(name);
    let is_column =
        |name: &Name| Collection::Devices.columns().iter().any(|it| it.eq_ignore_ascii_case(name.as_str()));
    prop_oneof![columns, any_name().prop_filter("a column in another case", move |name| !is_column(name))]
}

fn any_path() -> impl Strategy<Value = Path> {
    (any_root(), prop::collection::vec(any_name(), 0..3)).prop_map(|(root, names)| {
        names.into_iter().fold(Path::from(root), |path, name| path.then(Step::Name(name)))
    })
}

fn any_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        (-3..3_i64).prop_map(Number::from),
        any::<f64>().prop_filter_map("no number of JSON", Number::from_f64),
    ]
}

fn any_literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        any_number().prop_map(Literal::Number),
        "[ab'\"\\\\\n😀]{0,3}".prop_map(Literal::Text),
        any::<String>().prop_map(Literal::Text),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Of {
    Twins,
    Messages,
}

fn any_message_path() -> impl Strategy<Value = Path> {
    let step = prop_oneof![any_name().prop_map(Step::Name), any::<u32>().prop_map(Step::Index)];
    let system = prop::sample::select(vec!["userId", "dt-subject"]).prop_map(|text| Root::System(name(text)));
    (prop_oneof![any_name().prop_map(Root::Name), system], prop::collection::vec(step, 0..3))
        .prop_map(|(root, steps)| steps.into_iter().fold(Path::new(root), Path::then))
}

fn any_call(inner: BoxedStrategy<Expr>, path: BoxedStrategy<Path>) -> impl Strategy<Value = Expr> {
    let functions: Vec<Function> =
        Function::ALL.into_iter().filter(|function| *function != Function::TwinChangeIncludes).collect();
    (prop::sample::select(functions), prop::collection::vec(inner, 3), path).prop_map(
        |(function, mut arguments, path)| {
            if function.wants_path() {
                return Expr::Call(function, vec![Expr::Path(path)]);
            }
            arguments.truncate(*function.arguments().end());
            Expr::Call(function, arguments)
        },
    )
}

fn any_expr(of: Of) -> impl Strategy<Value = Expr> {
    let path = match of {
        Of::Twins => any_path().boxed(),
        Of::Messages => any_message_path().boxed(),
    };
    let operators: Vec<Operator> = match of {
        Of::Twins => Operator::ALL[..5].to_vec(),
        Of::Messages => Operator::ALL.to_vec(),
    };
    let leaf = prop_oneof![
        Just(Expr::Undefined),
        any_literal().prop_map(Expr::Literal),
        prop::collection::vec(any_literal(), 1..3).prop_map(Expr::Array),
        path.clone().prop_map(Expr::Path),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        let inner = inner.boxed();
        let boxed = inner.clone().prop_map(Box::new).boxed();
        let members = prop::collection::vec(inner.clone(), 2..4);
        let among = prop::collection::vec(any_literal(), 1..4);
        let membership = prop_oneof![Just(Membership::In), Just(Membership::NotIn)];
        prop_oneof![
            boxed.clone().prop_map(Expr::Not),
            boxed.clone().prop_map(Expr::Negate),
            members.clone().prop_map(Expr::All),
            members.prop_map(Expr::Any),
            (boxed.clone(), prop::sample::select(&Comparison::ALL[..]), boxed.clone())
                .prop_map(|(left, comparison, right)| Expr::Compare(left, comparison, right)),
            (boxed.clone(), prop::sample::select(operators.clone()), boxed.clone())
                .prop_map(|(left, operator, right)| Expr::Combine(left, operator, right)),
            (boxed, membership, among)
                .prop_map(|(of, membership, among)| Expr::Member(of, membership, among)),
            any_call(inner, path.clone()),
        ]
    })
}

fn any_statistic() -> impl Strategy<Value = Aggregate> {
    let of = (prop::sample::select(&Statistic::ALL[..]), any_path())
        .prop_map(|(statistic, path)| Aggregate::Of(statistic, path));
    prop_oneof![Just(Aggregate::Count), of]
}

fn any_query() -> impl Strategy<Value = Query> {
    let plain = prop::collection::vec(any_path().prop_map(Column::Path), 0..4).prop_map(|it| (it, None));
    let grouped = (prop::collection::vec(any_statistic().prop_map(Column::Aggregate), 1..4), any_path())
        .prop_map(|(mut columns, path)| {
            columns.insert(0, Column::Path(path.clone()));
            (columns, Some(path))
        });
    let condition = prop::option::of(any_expr(Of::Twins).prop_map(Condition::from));
    let top = prop::option::of(1..u64::MAX);
    (top, prop_oneof![plain, grouped], condition).prop_map(|(top, (columns, group_by), condition)| {
        let alias = |at: usize| Some(name(&format!("column {at}")));
        let elements = columns.into_iter().enumerate();
        let elements: Vec<Element> =
            elements.map(|(at, column)| Element { column, alias: alias(at) }).collect();
        let select = if elements.is_empty() { Select::All } else { Select::Elements(elements) };
        Query { top, select, from: Collection::Devices, condition, group_by }
    })
}

/// Conditions that an index could serve, over documents for which many of them hold.
fn any_constraining() -> impl Strategy<Value = Expr> {
    let path = || prop::sample::select(vec!["a", "b"]).prop_map(|text| Expr::Path(Path::from(name(text))));
    let literal = || {
        prop_oneof![
            (0..3_i64).prop_map(|n| Literal::Number(n.into())),
            "[xy]{0,2}".prop_map(Literal::Text),
            any::<bool>().prop_map(Literal::Bool),
            Just(Literal::Null),
        ]
    };
    let compare = (path(), prop::sample::select(&Comparison::ALL[..]), literal(), any::<bool>()).prop_map(
        |(path, comparison, literal, mirrored)| match mirrored {
            true => Expr::Compare(Expr::Literal(literal).into(), comparison, path.into()),
            false => Expr::Compare(path.into(), comparison, Expr::Literal(literal).into()),
        },
    );
    let membership = prop_oneof![Just(Membership::In), Just(Membership::NotIn)];
    let member = (path(), membership, prop::collection::vec(literal(), 1..3))
        .prop_map(|(path, membership, among)| Expr::Member(path.into(), membership, among));
    let functions = vec![
        Function::StartsWith,
        Function::EndsWith,
        Function::IsNull,
        Function::IsDefined,
        Function::IsString,
    ];
    let call = (prop::sample::select(functions), path(), "[xy]{0,1}").prop_map(|(function, path, text)| {
        let mut arguments = vec![path, Expr::Literal(Literal::Text(text))];
        arguments.truncate(*function.arguments().end());
        Expr::Call(function, arguments)
    });
    prop_oneof![compare, member, call, path()].prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Any),
            inner.prop_map(|inner| Expr::Not(inner.into())),
        ]
    })
}

fn any_document() -> impl Strategy<Value = Value> {
    let value = || {
        prop_oneof![
            (0..3).prop_map(|n| json!(n)),
            "[xy]{0,2}".prop_map(|text| json!(text)),
            any::<bool>().prop_map(|truth| json!(truth)),
            Just(Value::Null),
            Just(json!([1])),
        ]
    };
    (prop::option::of(value()), prop::option::of(value())).prop_map(|(a, b)| {
        let members = [("a", a), ("b", b)].into_iter();
        members.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

proptest! {
    // So many that trees come in which one operator stands right below another of its level.
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_reads_back(query in any_query()) {
        let text = query.to_string();
        prop_assert_eq!(Query::parse(&text), Ok(query), "{}", text);
    }

    #[test]
    fn conditions_on_messages_read_back(expr in any_expr(Of::Messages)) {
        let condition = Condition::from(expr);
        let text = condition.to_string();
        prop_assert_eq!(Condition::of_messages(&text), Ok(condition), "{}", text);
    }

    #[test]
    fn where_a_condition_holds_its_constraints_do(expr in any_constraining(), document in any_document()) {
        let condition = Condition::from(expr);
        if condition.holds(&document) {
            for constraint in condition.constraints() {
                prop_assert!(constraint.admits(&document), "{} holds of {}, but not {}", condition, document, constraint);
            }
        }
    }

    #[test]
    fn no_text_is_too_much(text in any::<String>()) {
        iothub_query::fuzzing::query(text.as_bytes());
        iothub_query::fuzzing::query(format!("SELECT * FROM devices WHERE {text}").as_bytes());
    }
}
