//! The compile-time errors of the language, each with position, text and cure.
//!
//! The language definition numbers its errors; these tests cover them:
//!
//! | Error | Test |
//! |---|---|
//! | 1 | `declarations::text_that_does_not_follow_the_grammar_is_refused` |
//! | 2 | `declarations::unknown_escapes_are_refused` |
//! | 3 | `declarations::names_of_storage_columns_are_reserved` |
//! | 4, 5 | `declarations::vector_dimensions_have_bounds` |
//! | 6 | `declarations::lists_of_blobs_are_refused` |
//! | 7 | `declarations::enum_values_are_distinct` |
//! | 8 | `declarations::cardinalities_are_ordered_and_fit_32_bits` |
//! | 9 | `declarations::implemented_interfaces_exist` |
//! | 10 | `declarations::properties_of_nodes_and_interfaces_agree_in_type` |
//! | 11 | `declarations::implemented_interfaces_agree_with_each_other` |
//! | 12 | `annotations::marks_do_not_stand_in_node_headers` |
//! | 13 | `annotations::marks_do_not_stand_in_edge_headers` |
//! | 14 | `annotations::edge_properties_are_neither_keys_nor_embedded` |
//! | 15 | `constraints::edge_bodies_hold_no_key_range_or_check` |
//! | 16 | `annotations::list_properties_have_no_marks` |
//! | 17 | `annotations::vector_properties_are_neither_keys_nor_unique` |
//! | 18 | `annotations::blob_properties_have_no_marks_in_either_form` |
//! | 19 | `annotations::a_mark_stands_once_on_a_property` |
//! | 20 | `annotations::a_node_has_one_key` |
//! | 21 | `annotations::key_properties_are_required_and_of_a_key_type` |
//! | 22 | `constraints::constraints_name_known_members` |
//! | 23 | `constraints::ranges_are_of_numbers` |
//! | 24 | `constraints::checks_are_of_texts` |
//! | 25 | `constraints::constraints_have_well_formed_arguments` |
//! | 26 | `annotations::only_vectors_are_embedded` |
//! | 27 | `annotations::embed_names_its_source` |
//! | 28 | `annotations::embedded_sources_exist` |
//! | 29 | `annotations::embedded_sources_are_texts` |
//! | 30 | `annotations::embed_takes_the_keyword_model_only` |
//! | 31 | `annotations::descriptions_and_instructions_are_not_blank` |
//! | 32 | `annotations::descriptions_and_instructions_stand_once` |
//! | 33 | `annotations::properties_have_no_instruction` |
//! | 34 | `annotations::rename_hints_name_the_former_name_once` |
//! | 35 | `declarations::types_are_declared_once` |
//! | 36 | `declarations::properties_are_declared_once` |
//! | 37 | `declarations::edge_names_differ_by_more_than_case` |
//! | 38 | `declarations::endpoints_of_edges_exist` |
//! | 39 | `declarations::names_of_physical_columns_are_checked_last` |
//! | 40 | `constraints::patterns_and_bounds_of_constraints_are_valid` |
//! | 41 | `constraints::body_constraints_do_not_take_lists_and_vectors` |
//! | 42 | `constraints::constraints_do_not_repeat_members` |

mod annotations;
mod constraints;
mod declarations;
mod metrics;

use expect_test::Expect;

fn check(source: &str, expected: Expect) {
    expected.assert_eq(&super::errors(source));
}

fn compiles(source: &str) {
    super::catalog(source);
}
