//! Interrupted writes, scenario by scenario.
//!
//! A scenario is a fault or a leftover, and what a caller must find afterwards. Each has a number, which the name of its
//! test carries. The third column says what takes the place of a state that cannot occur here: table versions belong to
//! no history, so no tip drifts from its commit and nothing is restored; branches are refs, so nothing is forked; the
//! schema is part of the commit, so nothing is staged beside it.
//!
//! `objects` is the contract suite of stores, `src/storage/tests/objects.rs`.
//!
//! | Number | Test | Instead |
//! |---|---|---|
//! | 1 | `branches::s001_s002_a_creation_that_fails_after_its_ref_takes_it_back` | |
//! | 2 | `branches::s001_s002_a_creation_that_fails_after_its_ref_takes_it_back` | |
//! | 3 | `branches::s003_the_storage_of_a_deleted_branch_is_left_to_cleanup` | no step of a deletion follows its ref: storage is always left to cleanup |
//! | 4 | `branches::s004_a_branch_created_again_holds_nothing_of_its_namesake` | as 3 |
//! | 5 | `branches::s005_a_table_that_cannot_be_cleaned_up_does_not_hold_up_the_others` | a stray table stands for a stray fork |
//! | 6 | `branches::s006_a_stray_table_that_cannot_be_removed_goes_with_the_next_cleanup` | as 5 |
//! | 7 | `branches::s007_s008_the_log_of_a_deleted_branch_goes_with_cleanup_and_its_name_is_free_at_once` | as 3 |
//! | 8 | `branches::s007_s008_the_log_of_a_deleted_branch_goes_with_cleanup_and_its_name_is_free_at_once` | as 3 |
//! | 9 | `branches::s009_a_writer_that_is_overtaken_on_its_branch_plans_again` | no fork is classified: the writer is parked with its tables staged |
//! | 10 | `writes::s010_a_write_that_fails_before_its_record_is_invisible_until_recovery` | |
//! | 11 | `writes::s011_a_write_that_fails_before_publication_is_rolled_forward_at_open` | |
//! | 12 | `writes::s012_a_delete_that_is_overtaken_plans_again_and_loses_nothing` | plans again |
//! | 13 | `writes::s013_an_append_on_a_branch_is_recovered_on_that_branch` | |
//! | 14 | `writes::s014_an_overwrite_is_recovered_whole` | |
//! | 15 | `writes::s015_refresh_recovers_without_reopening` | |
//! | 16 | `writes::s016_a_bare_intent_of_somebody_else_is_left_alone_while_young_and_discarded_when_old` | no tip can move: a bare intent of another writer |
//! | 17 | `writes::s017_types_that_an_interrupted_write_did_not_touch_are_writable` | |
//! | 18 | `writes::s018_the_next_mutation_of_the_handle_heals` | |
//! | 19 | `writes::s019_the_next_load_of_the_handle_heals` | |
//! | 20 | `faults::s020_recovery_converges_in_a_bucket` | |
//! | 21 | `schema::s021_an_apply_that_fails_before_publication_is_rolled_forward_with_its_schema` | |
//! | 22 | `schema::s022_a_failure_after_the_commit_does_not_fail_the_apply` | what follows the commit cannot fail the call |
//! | 23 | `schema::s023_s024_s031_files_with_the_names_of_staging_files_decide_nothing` | no staging files exist: the record decides |
//! | 24 | `schema::s023_s024_s031_files_with_the_names_of_staging_files_decide_nothing` | as 23 |
//! | 25 | `schema::s025_an_apply_that_fails_before_its_contract_is_durable_never_was` | nothing is declared yet: the original error, no row |
//! | 26 | `schema::s026_a_recovered_apply_brings_its_properties_and_types` | |
//! | 27 | `schema::s027_an_apply_lands_on_top_of_the_load_it_finds_interrupted` | |
//! | 28 | `schema::s028_s076_a_write_is_judged_by_the_schema_that_it_heals` | |
//! | 29 | `schema::s029_s102_s103_beside_a_running_apply_everybody_sees_one_side_completely` | |
//! | 30 | `schema::s030_an_apply_that_is_published_already_is_only_accounted_for` | |
//! | 31 | `schema::s023_s024_s031_files_with_the_names_of_staging_files_decide_nothing` | as 23 |
//! | 32 | `schema::s032_an_apply_that_fails_while_it_makes_tables_moves_nothing` | no index is stored: tables of an apply |
//! | 33 | `merge::s033_a_merge_that_fails_before_publication_is_rolled_forward_with_both_parents` | |
//! | 34 | `merge::s034_s035_a_merge_between_branches_is_recovered_on_its_target` | |
//! | 35 | `merge::s034_s035_a_merge_between_branches_is_recovered_on_its_target` | |
//! | 36 | `merge::s036_a_merge_sees_what_its_handle_left_unsettled_on_either_side` | |
//! | 37 | `merge::s037_a_fast_forward_is_rolled_forward` | |
//! | 38 | `merge::s038_a_merge_that_fails_within_a_table_leaves_the_target_as_it_was` | a fast-forward writes no table |
//! | 39 | `upkeep::s039_maintenance_of_a_branch_is_recovered_on_that_branch` | no index is stored: compaction is the maintenance |
//! | 40 | `upkeep::s040_maintenance_without_work_has_no_intent_to_leave` | as 39 |
//! | 41 | `upkeep::s041_maintenance_of_an_empty_graph_does_nothing_and_empty_types_block_no_others` | as 39 |
//! | 42 | `upkeep::s042_maintenance_of_a_branch_names_its_own_tables_only` | as 39 |
//! | 43 | `upkeep::s043_maintenance_that_cannot_look_at_a_table_says_so` | as 39 |
//! | 44 | `upkeep::s044_a_compaction_that_fails_before_publication_is_rolled_forward` | |
//! | 45 | `upkeep::s045_after_a_compaction_every_writer_goes_on` | |
//! | 46 | `upkeep::s046_s073_maintenance_refuses_beside_an_unsettled_write_and_says_what_to_do` | |
//! | 47 | `upkeep::s047_versions_do_not_creep_with_failed_applies` | rolling back takes no version |
//! | 48 | `faults::s048_a_load_whose_intent_cannot_be_stored_leaves_nothing` | |
//! | 49 | `faults::s049_a_merge_whose_intent_cannot_be_stored_leaves_nothing` | |
//! | 50 | `faults::s050_a_write_whose_intent_cannot_be_deleted_succeeds` | |
//! | 51 | `faults::s051_recovery_that_cannot_list_says_so` | a write settles by name, without a listing |
//! | 52 | `faults::s052_a_failing_audit_fails_the_write_that_settles_and_converges` | |
//! | 53 | `faults::s053_s065_an_intent_that_cannot_be_read_is_refused_and_kept` | |
//! | 54 | `objects::a_create_never_replaces` | |
//! | 55 | `objects::readers_see_the_old_or_the_new` | |
//! | 56 | `objects::listing_is_by_directory_and_in_order` | |
//! | 57 | `intents::s057_s058_the_record_of_a_recovery_names_who_had_asked` | |
//! | 58 | `intents::s057_s058_the_record_of_a_recovery_names_who_had_asked` | |
//! | 59 | `intents::s059_an_intent_whose_version_does_not_exist_is_rolled_back` | a version that does not exist; nothing is restored or published |
//! | 60 | `intents::s060_an_intent_that_is_published_already_publishes_nothing` | |
//! | 61 | `intents::s061_s062_s068_an_intent_never_moves_a_pin_back_or_forth` | a pin is never restored, as no tip drifts |
//! | 62 | `intents::s061_s062_s068_an_intent_never_moves_a_pin_back_or_forth` | as 61 |
//! | 63 | `intents::s063_s064_of_two_intents_at_one_place_the_older_wins_and_both_are_settled` | one place in the log: the older intent gets it |
//! | 64 | `intents::s063_s064_of_two_intents_at_one_place_the_older_wins_and_both_are_settled` | as 63 |
//! | 65 | `faults::s053_s065_an_intent_that_cannot_be_read_is_refused_and_kept` | |
//! | 66 | `intents::s066_a_clean_graph_gets_no_directory_of_intents` | |
//! | 67 | `intents::s067_an_intent_on_a_branch_is_judged_by_that_branch` | |
//! | 68 | `intents::s061_s062_s068_an_intent_never_moves_a_pin_back_or_forth` | as 61; nothing can abort |
//! | 69 | `intents::s069_a_read_only_open_writes_nothing` | |
//! | 70 | `intents::s070_the_intent_of_a_deleted_branch_is_discarded_once` | |
//! | 71 | `intents::s071_s072_discarding_converges_whatever_interrupts_it` | |
//! | 72 | `intents::s071_s072_discarding_converges_whatever_interrupts_it` | |
//! | 73 | `upkeep::s046_s073_maintenance_refuses_beside_an_unsettled_write_and_says_what_to_do` | no drift to advise about; an unlisted intent is an error |
//! | 74 | `intents::s074_s075_a_recovered_commit_is_in_the_history_of_its_branch_and_seen_by_the_handle_that_recovered` | |
//! | 75 | `intents::s074_s075_a_recovered_commit_is_in_the_history_of_its_branch_and_seen_by_the_handle_that_recovered` | |
//! | 76 | `schema::s028_s076_a_write_is_judged_by_the_schema_that_it_heals` | |
//! | 77 | `init::s077_s078_s080_a_creation_that_fails_early_can_be_repeated` | the copy of the schema is written last: other early points |
//! | 78 | `init::s077_s078_s080_a_creation_that_fails_early_can_be_repeated` | |
//! | 79 | `init::s079_a_creation_that_fails_after_its_birth_made_the_graph` | |
//! | 80 | `init::s077_s078_s080_a_creation_that_fails_early_can_be_repeated` | a failed creation deletes nothing, so no deletion can hide its error |
//! | 81 | `init::s081_s117_a_graph_is_never_created_over_another` | an orphan `_schema.pg`: `init_replaces_the_schema_of_a_lost_graph_only_with_force` of the command line |
//! | 82 | `writes::s082_chained_updates_see_each_other` | |
//! | 83 | `writes::s083_s084_deletes_of_one_query_add_up` | |
//! | 84 | `writes::s083_s084_deletes_of_one_query_add_up` | |
//! | 85 | `writes::s085_s086_cardinality_holds_over_the_final_image` | |
//! | 86 | `writes::s085_s086_cardinality_holds_over_the_final_image` | |
//! | 87 | `writes::s087_what_is_empty_stays_valid` | |
//! | 88 | `writes::s088_the_canonical_flow` | |
//! | 89 | `faults::s089_lost_acknowledgements_of_branch_control_are_resolved_by_looking` | |
//! | 90 | `faults::s090_a_branch_created_again_is_told_apart_by_its_ref_alone` | no fork: a ref that cannot be read stops cleanup |
//! | 91 | `faults::s091_s094_beside_a_parked_writer_other_handles_write_refresh_and_open` | |
//! | 92 | `intents::s092_s093_dead_attempts_on_a_branch_hold_up_nobody` | no fork; other handles go on |
//! | 93 | `intents::s092_s093_dead_attempts_on_a_branch_hold_up_nobody` | no fork: two attempts at one place |
//! | 94 | `faults::s091_s094_beside_a_parked_writer_other_handles_write_refresh_and_open` | |
//! | 95 | `faults::s095_an_intent_that_goes_between_listing_and_reading_was_finished_by_its_owner` | |
//! | 96 | `faults::s096_recovery_acts_on_the_body_as_it_is_when_it_acts` | no confirmation: the body is read when it is acted on |
//! | 97 | `writes::s097_a_unique_value_taken_meanwhile_is_refused_when_the_write_goes_on` | |
//! | 98 | `writes::s098_an_update_beside_a_disjoint_commit_publishes` | publishes |
//! | 99 | `writes::s099_a_condition_is_void_once_any_commit_lands` | |
//! | 100 | `writes::s100_of_two_appends_of_one_id_the_later_is_refused_and_everything_else_plans_again` | |
//! | 101 | `writes::s101_of_an_interrupted_write_and_one_that_overtakes_it_exactly_one_is_published` | no write lists intents: it publishes, and the interrupted one is rolled back |
//! | 102 | `schema::s029_s102_s103_beside_a_running_apply_everybody_sees_one_side_completely` | |
//! | 103 | `schema::s029_s102_s103_beside_a_running_apply_everybody_sees_one_side_completely` | a reader sees the old record, never a mixture |
//! | 104 | `schema::s104_an_apply_that_changes_metadata_only_goes_one_way_whatever_interrupts_its_recovery` | |
//! | 105 | `schema::s105_tables_of_others_in_the_directory_are_never_adopted_or_deleted` | a table path is minted, so nobody can have taken it |
//! | 106 | `schema::s106_a_rename_that_fails_after_its_effects_leaves_the_old_name_and_content` | |
//! | 107 | `intents::s107_s120_a_write_that_another_overtook_is_rolled_back_once_whatever_interrupts_it` | |
//! | 108 | `merge::s108_a_large_merge_is_whole_or_absent` | |
//! | 109 | `merge::s109_a_merge_that_only_names_versions_is_recovered_with_exactly_these` | |
//! | 110 | `merge::s110_an_append_that_overtakes_a_merge_is_kept_and_the_merge_planned_again` | planned again |
//! | 111 | `merge::s111_a_merge_publishes_nothing_on_a_branch_created_again_that_it_did_not_read` | |
//! | 112 | `merge::s112_a_merge_takes_the_commit_of_the_source_that_it_captured` | |
//! | 113 | `upkeep::s113_a_compaction_beside_writers_of_other_handles_loses_nothing` | |
//! | 114 | `upkeep::s114_a_cleanup_that_finds_an_intent_between_its_checks_removes_nothing` | |
//! | 115 | `intents::s115_an_intent_that_appears_while_its_branch_is_deleted_is_discarded_by_the_next_open` | |
//! | 116 | `init::s116_whether_a_graph_was_born_is_found_by_looking` | |
//! | 117 | `init::s081_s117_a_graph_is_never_created_over_another` | the copy is never read: the graph opens |
//! | 118 | `further::s118_a_feed_that_is_read_while_its_branch_is_replaced_never_shows_the_new_one` | the feed; a blob read is pinned to the version it opened, `blobs::bytes_are_read_in_ranges_of_the_version_that_was_opened` |
//! | 119 | `faults::s119_two_opens_that_sweep_one_intent_both_succeed` | |
//! | 120 | `intents::s107_s120_a_write_that_another_overtook_is_rolled_back_once_whatever_interrupts_it` | |

mod branches;
mod faults;
mod further;
mod init;
mod intents;
mod kit;
mod merge;
mod schema;
mod upkeep;
mod writes;

/// The last number.
const SCENARIOS: usize = 120;

const SOURCES: [(&str, &str); 10] = [
    ("branches", include_str!("branches.rs")),
    ("faults", include_str!("faults.rs")),
    ("further", include_str!("further.rs")),
    ("init", include_str!("init.rs")),
    ("intents", include_str!("intents.rs")),
    ("merge", include_str!("merge.rs")),
    ("objects", include_str!("../../../../omnigraph-storage/src/tests/objects.rs")),
    ("schema", include_str!("schema.rs")),
    ("upkeep", include_str!("upkeep.rs")),
    ("writes", include_str!("writes.rs")),
];

/// Reads the table above: a number and the test it names, per row.
fn table() -> Vec<(usize, &'static str, &'static str)> {
    let rows = include_str!("mod.rs").lines().filter_map(|line| {
        let mut cells = line.strip_prefix("//! | ")?.split(" | ");
        let number = cells.next()?.parse().ok()?;
        let (module, test) = cells.next()?.trim_matches('`').split_once("::")?;
        Some((number, module, test))
    });
    rows.collect()
}

#[test]
fn every_scenario_has_its_test() {
    let table = table();
    let numbers: Vec<usize> = table.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=SCENARIOS).collect::<Vec<_>>());
    for (number, module, test) in table {
        let source = SOURCES.iter().find(|(name, _)| *name == module);
        let (_, source) = source.unwrap_or_else(|| panic!("{number}: no module {module}"));
        assert!(source.contains(&format!("async fn {test}(")), "{number}: no test {module}::{test}");
        let numbered = test.split('_').any(|part| part == format!("s{number:03}"));
        assert!(numbered || module == "objects", "{number}: {test} does not carry it");
    }
}

/// A test that carries a number which the table gives to another is not found by who looks for it.
#[test]
fn every_numbered_test_is_in_the_table() {
    let table = table();
    for (module, source) in SOURCES {
        let tests = source.lines().filter_map(|line| line.strip_prefix("async fn ")?.split('(').next());
        for test in tests.filter(|test| test.starts_with('s') && test.as_bytes()[1].is_ascii_digit()) {
            let numbers = test.split('_').map_while(|part| part.strip_prefix('s')?.parse::<usize>().ok());
            for number in numbers {
                assert!(table.contains(&(number, module, test)), "{module}::{test} is not at {number}");
            }
        }
    }
}
