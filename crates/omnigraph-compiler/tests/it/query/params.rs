//! Parameter values from JSON.

use expect_test::expect;
use omnigraph_compiler::ir::Param;
use omnigraph_compiler::query::params::{ParamError, bind, undeclared};
use omnigraph_compiler::types::{Kind, Scalar, Type, Value};
use serde_json::{Value as Json, json};

fn param(ty: Type) -> Vec<Param> {
    vec![Param { name: "x".to_owned(), ty }]
}

fn one(ty: Type, value: &Json) -> String {
    match bind(&param(ty), Some(&json!({ "x": value }))) {
        Ok(values) => format!("{:?}", values[0]),
        Err(error) => error.to_string(),
    }
}

#[test]
fn json_is_read_as_the_declared_type() {
    let values = [
        json!("text"),
        json!(true),
        json!(7),
        json!(-7),
        json!(2.0),
        json!(0.1),
        json!(3_000_000_000_u64),
        json!(5_000_000_000_u64),
        json!(9_223_372_036_854_775_808_u64),
        json!("-9007199254740993"),
        json!("9223372036854775808"),
        json!("2024-06-01"),
        json!("2024-06-01T00:00:00Z"),
        json!([1]),
        json!({}),
        json!(1e300),
        json!(null),
    ];
    let mut out = String::new();
    for scalar in Scalar::ALL {
        out.push_str(&format!("{scalar}\n"));
        for value in &values {
            out.push_str(&format!("    {value}: {}\n", one(Type::scalar(scalar), value)));
        }
    }
    expect![[r#"
        String
            "text": String("text")
            true: param 'x': expected string
            7: param 'x': expected string
            -7: param 'x': expected string
            2.0: param 'x': expected string
            0.1: param 'x': expected string
            3000000000: param 'x': expected string
            5000000000: param 'x': expected string
            9223372036854775808: param 'x': expected string
            "-9007199254740993": String("-9007199254740993")
            "9223372036854775808": String("9223372036854775808")
            "2024-06-01": String("2024-06-01")
            "2024-06-01T00:00:00Z": String("2024-06-01T00:00:00Z")
            [1]: param 'x': expected string
            {}: param 'x': expected string
            1e+300: param 'x': expected string
            null: param 'x': null is not accepted for non-nullable parameter
        Blob
            "text": String("text")
            true: param 'x': expected blob URI string
            7: param 'x': expected blob URI string
            -7: param 'x': expected blob URI string
            2.0: param 'x': expected blob URI string
            0.1: param 'x': expected blob URI string
            3000000000: param 'x': expected blob URI string
            5000000000: param 'x': expected blob URI string
            9223372036854775808: param 'x': expected blob URI string
            "-9007199254740993": String("-9007199254740993")
            "9223372036854775808": String("9223372036854775808")
            "2024-06-01": String("2024-06-01")
            "2024-06-01T00:00:00Z": String("2024-06-01T00:00:00Z")
            [1]: param 'x': expected blob URI string
            {}: param 'x': expected blob URI string
            1e+300: param 'x': expected blob URI string
            null: param 'x': null is not accepted for non-nullable parameter
        Bool
            "text": param 'x': expected boolean
            true: Bool(true)
            7: param 'x': expected boolean
            -7: param 'x': expected boolean
            2.0: param 'x': expected boolean
            0.1: param 'x': expected boolean
            3000000000: param 'x': expected boolean
            5000000000: param 'x': expected boolean
            9223372036854775808: param 'x': expected boolean
            "-9007199254740993": param 'x': expected boolean
            "9223372036854775808": param 'x': expected boolean
            "2024-06-01": param 'x': expected boolean
            "2024-06-01T00:00:00Z": param 'x': expected boolean
            [1]: param 'x': expected boolean
            {}: param 'x': expected boolean
            1e+300: param 'x': expected boolean
            null: param 'x': null is not accepted for non-nullable parameter
        I32
            "text": param 'x': expected integer
            true: param 'x': expected integer
            7: Int(7)
            -7: Int(-7)
            2.0: param 'x': expected integer
            0.1: param 'x': expected integer
            3000000000: param 'x': value 3000000000 exceeds I32
            5000000000: param 'x': value 5000000000 exceeds I32
            9223372036854775808: param 'x': value 9223372036854775808 exceeds I32
            "-9007199254740993": param 'x': value -9007199254740993 exceeds I32
            "9223372036854775808": param 'x': value 9223372036854775808 exceeds I32
            "2024-06-01": param 'x': expected integer
            "2024-06-01T00:00:00Z": param 'x': expected integer
            [1]: param 'x': expected integer
            {}: param 'x': expected integer
            1e+300: param 'x': expected integer
            null: param 'x': null is not accepted for non-nullable parameter
        I64
            "text": param 'x': expected integer
            true: param 'x': expected integer
            7: Int(7)
            -7: Int(-7)
            2.0: param 'x': expected integer
            0.1: param 'x': expected integer
            3000000000: Int(3000000000)
            5000000000: Int(5000000000)
            9223372036854775808: param 'x': expected integer
            "-9007199254740993": Int(-9007199254740993)
            "9223372036854775808": param 'x': expected integer
            "2024-06-01": param 'x': expected integer
            "2024-06-01T00:00:00Z": param 'x': expected integer
            [1]: param 'x': expected integer
            {}: param 'x': expected integer
            1e+300: param 'x': expected integer
            null: param 'x': null is not accepted for non-nullable parameter
        U32
            "text": param 'x': expected unsigned integer
            true: param 'x': expected unsigned integer
            7: Int(7)
            -7: param 'x': expected unsigned integer
            2.0: param 'x': expected unsigned integer
            0.1: param 'x': expected unsigned integer
            3000000000: Int(3000000000)
            5000000000: param 'x': value 5000000000 exceeds U32
            9223372036854775808: param 'x': value 9223372036854775808 exceeds U32
            "-9007199254740993": param 'x': expected unsigned integer
            "9223372036854775808": param 'x': value 9223372036854775808 exceeds U32
            "2024-06-01": param 'x': expected unsigned integer
            "2024-06-01T00:00:00Z": param 'x': expected unsigned integer
            [1]: param 'x': expected unsigned integer
            {}: param 'x': expected unsigned integer
            1e+300: param 'x': expected unsigned integer
            null: param 'x': null is not accepted for non-nullable parameter
        U64
            "text": param 'x': expected unsigned integer
            true: param 'x': expected unsigned integer
            7: Int(7)
            -7: param 'x': expected unsigned integer
            2.0: param 'x': expected unsigned integer
            0.1: param 'x': expected unsigned integer
            3000000000: Int(3000000000)
            5000000000: Int(5000000000)
            9223372036854775808: param 'x': value 9223372036854775808 exceeds current engine range for U64
            "-9007199254740993": param 'x': expected unsigned integer
            "9223372036854775808": param 'x': value 9223372036854775808 exceeds current engine range for U64
            "2024-06-01": param 'x': expected unsigned integer
            "2024-06-01T00:00:00Z": param 'x': expected unsigned integer
            [1]: param 'x': expected unsigned integer
            {}: param 'x': expected unsigned integer
            1e+300: param 'x': expected unsigned integer
            null: param 'x': null is not accepted for non-nullable parameter
        F32
            "text": param 'x': expected float
            true: param 'x': expected float
            7: Float(7.0)
            -7: Float(-7.0)
            2.0: Float(2.0)
            0.1: Float(0.10000000149011612)
            3000000000: Float(3000000000.0)
            5000000000: Float(5000000000.0)
            9223372036854775808: Float(9.223372036854776e18)
            "-9007199254740993": param 'x': expected float
            "9223372036854775808": param 'x': expected float
            "2024-06-01": param 'x': expected float
            "2024-06-01T00:00:00Z": param 'x': expected float
            [1]: param 'x': expected float
            {}: param 'x': expected float
            1e+300: param 'x': value 1e+300 exceeds F32
            null: param 'x': null is not accepted for non-nullable parameter
        F64
            "text": param 'x': expected float
            true: param 'x': expected float
            7: Float(7.0)
            -7: Float(-7.0)
            2.0: Float(2.0)
            0.1: Float(0.1)
            3000000000: Float(3000000000.0)
            5000000000: Float(5000000000.0)
            9223372036854775808: Float(9.223372036854776e18)
            "-9007199254740993": param 'x': expected float
            "9223372036854775808": param 'x': expected float
            "2024-06-01": param 'x': expected float
            "2024-06-01T00:00:00Z": param 'x': expected float
            [1]: param 'x': expected float
            {}: param 'x': expected float
            1e+300: Float(1e300)
            null: param 'x': null is not accepted for non-nullable parameter
        Date
            "text": param 'x': invalid Date literal "text"
            true: param 'x': expected date string
            7: param 'x': expected date string
            -7: param 'x': expected date string
            2.0: param 'x': expected date string
            0.1: param 'x': expected date string
            3000000000: param 'x': expected date string
            5000000000: param 'x': expected date string
            9223372036854775808: param 'x': expected date string
            "-9007199254740993": param 'x': invalid Date literal "-9007199254740993"
            "9223372036854775808": param 'x': invalid Date literal "9223372036854775808"
            "2024-06-01": Date(19875)
            "2024-06-01T00:00:00Z": Date(19875)
            [1]: param 'x': expected date string
            {}: param 'x': expected date string
            1e+300: param 'x': expected date string
            null: param 'x': null is not accepted for non-nullable parameter
        DateTime
            "text": param 'x': invalid DateTime literal "text"
            true: param 'x': expected datetime string
            7: param 'x': expected datetime string
            -7: param 'x': expected datetime string
            2.0: param 'x': expected datetime string
            0.1: param 'x': expected datetime string
            3000000000: param 'x': expected datetime string
            5000000000: param 'x': expected datetime string
            9223372036854775808: param 'x': expected datetime string
            "-9007199254740993": param 'x': invalid DateTime literal "-9007199254740993"
            "9223372036854775808": param 'x': invalid DateTime literal "9223372036854775808"
            "2024-06-01": DateTime(1717200000000)
            "2024-06-01T00:00:00Z": DateTime(1717200000000)
            [1]: param 'x': expected datetime string
            {}: param 'x': expected datetime string
            1e+300: param 'x': expected datetime string
            null: param 'x': null is not accepted for non-nullable parameter
    "#]]
    .assert_eq(&out);
}

#[test]
fn elements_of_lists_and_vectors_are_checked_one_by_one() {
    let list = |s| Type::required(Kind::List(s));
    let vector = || Type::required(Kind::Vector(2));
    let lines = [
        one(list(Scalar::I32), &json!([1, "2"])),
        one(list(Scalar::I32), &json!([])),
        one(list(Scalar::I32), &json!([1, "a"])),
        one(list(Scalar::I32), &json!([1, null])),
        one(list(Scalar::I32), &json!(1)),
        one(list(Scalar::Date), &json!(["1970-01-02"])),
        one(vector(), &json!([1, 0.5])),
        one(vector(), &json!([1])),
        one(vector(), &json!([1, "a"])),
        one(vector(), &json!([1, null])),
        one(vector(), &json!([1, 1e300])),
        one(vector(), &json!("a")),
    ];
    expect![[r#"
        List([Int(1), Int(2)])
        List([])
        param 'x': expected integer (element 1)
        param 'x': null is not accepted as a list element (element 1)
        param 'x': expected array
        List([Date(1)])
        List([Float(1.0), Float(0.5)])
        param 'x': expected 2 values, got 1
        param 'x': vector element is not numeric: element 1
        param 'x': vector element is not numeric: element 1
        param 'x': vector element is not numeric: element 1
        param 'x': expected array
    "#]]
    .assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn an_absent_parameter_is_null_where_that_is_allowed() {
    let required = param(Type::scalar(Scalar::String));
    let optional = param(Type::optional(Kind::Scalar(Scalar::String)));
    for absent in [None, Some(json!(null)), Some(json!({}))] {
        assert_eq!(bind(&required, absent.as_ref()), Err(ParamError::Missing { name: "x".into() }));
        assert_eq!(bind(&optional, absent.as_ref()), Ok(vec![Value::Null]));
    }
    assert_eq!(bind(&optional, Some(&json!({ "x": null }))), Ok(vec![Value::Null]));
    assert_eq!(
        one(Type::scalar(Scalar::String), &json!(null)),
        "param 'x': null is not accepted for non-nullable parameter"
    );
    for other in [json!([]), json!("x"), json!(1)] {
        assert_eq!(bind(&optional, Some(&other)), Err(ParamError::NotAnObject));
    }
    assert_eq!(ParamError::NotAnObject.to_string(), "params must be a JSON object");
}

#[test]
fn undeclared_keys_have_no_effect() {
    let params = param(Type::scalar(Scalar::I32));
    let given = json!({ "y": [1], "x": 1, "z": null });
    assert_eq!(bind(&params, Some(&given)), Ok(vec![Value::Int(1)]));
    assert_eq!(undeclared(&params, Some(&given)), ["y", "z"]);
    let error = bind(&params, Some(&json!({ "x": 1, "y": {} }))).unwrap_err();
    assert_eq!(error.to_string(), "param 'y': objects are not accepted");
}
