"""What the labels of public prompt collections mean here: their word to one of our tasks, complexities and domains.

Whatever is not in these tables is left out, of training and of the scores: a label that could be two of our tasks
would teach neither.
"""

from __future__ import annotations

from typing import TypeVar

Found = TypeVar("Found", str, bool)

SEEDS: dict[str, str] = {
    "code_generation": """code_for_bitcoin_price code_todo complete_python_code htlm_task javascript_date_and_time
        program_for_summation python_code_generation python_leetcode python_sorting regular_expression_generation
        text_to_sql""",
    "code_debug": "code_syntax_error",
    "math": """find_subset_of_numbers_with_target_sum math_word_problem_with_reasoning measurement_conversion
        perfect_numbers solve_equation_system solving_equation solving_math_problem temperature_conversion
        word_math_with_algebra""",
    "reasoning": "analogy_completion antonym_relation ethical_dilemma syllogism why’s_it_not_funny sue_or_not",
    "knowledge_qa": """ask_for_law address explain_natural_phenomenon idiom_meaning movie_ending multipe_choice_qa
        multiple_choice_qa national_dishes oldest_person question_answering question_answering_with_template
        rank_countries_by_population science_cannot_explain word_definition explain_like_i_am_5 color_explanation
        explain_behavior explain_social_stereotypes_of_profession explain_without-background exercise_explanation
        university_ranking synonym_generation""",
    "summarization": "paper_summarization summarize_email summarizing_news paper_title_generation",
    "extraction": "extract_country_names place_extraction finding_toxic_words",
    "classification": """democrats_or_republicans dialogue_satisfaction ethicality_judgement fact_checking
        fact_verification hate_speech_detection job_suitableness most_relevant_passage news_categories_multi_labels
        news_impact_on_stock paraphrasing_classification passive-aggressiveness_identification pos_tag_for_word
        promotion_identification sentence_sentiment spam_classification support_classification topic_classification
        toxic_sentence_detection user_intent_identification""",
    "translation": "english_to_chinese_translation dialect_translation",
    "rewriting": """better_word_choice gender_neutral_rewriting grammar_error_correction learn_to_hedge
        paraphrase_a_paragraph plain_to_professional anonymizing_human_names correct_misspelling""",
    "creative_writing": """complete_the_lyrics cover_letter dad_joke_intensified decline_a_job_offer_email
        english_haiku_generation fact_to_conversation horror_movie_opening joke_about_phd knock_knock_joke
        metaphor_for_a_situation negative_blender_review new_ice_cream product_description_generation proverbs
        question-answer_jokes recommendation_letter refuse_invitation_email story_composition three_sentence_story
        writing_article_from_outline datatuner_example""",
    "chat": """suggestion_for_breaking_up biased_question workout_motivation game_suggestion movie_recommendation
        breakfast_suggestion""",
}
"""The seed tasks of self-instruct and of its Chinese translation, by their names."""

SEED_TASK: dict[str, str] = {name: task for task, names in SEEDS.items() for name in names.split()}

P3: dict[str, str] = {
    "commonsense_qa_answer_given": "knowledge_qa",
    "commonsense_qa_most_suitable": "knowledge_qa",
    "commonsense_qa_question_answering": "knowledge_qa",
    "kilt_tasks_hotpotqa": "knowledge_qa",
    "wiki_qa_Direct_Answer": "knowledge_qa",
    "sciq_Direct_Question_Closed": "knowledge_qa",
    "common_gen_random": "creative_writing",
    "common_gen_Put": "creative_writing",
    "common_gen_Given": "creative_writing",
    "common_gen_topic_to": "creative_writing",
    "app_reviews_generate": "creative_writing",
    "duorc_ParaphraseRC_build": "creative_writing",
    "duorc_SelfRC_build": "creative_writing",
    "gigaword_write_an_article": "creative_writing",
    "cnn_dailymail_3_0_0_generate_story": "creative_writing",
    "multi_news_expand": "creative_writing",
    "samsum_Write": "creative_writing",
    "quoref": "long_document",
    "adversarial_qa": "long_document",
    "duorc_SelfRC_answer": "long_document",
    "duorc_SelfRC_question": "long_document",
    "duorc_ParaphraseRC_answer": "long_document",
    "duorc_ParaphraseRC_question": "long_document",
    "wiki_bio_key_content": "extraction",
}
"""Templates by the beginning of their names, the longest that fits; the plain labels below for the others."""

P3_PLAIN = frozenset(("summarization", "classification", "rewriting"))

BELLE: dict[str, str] = {
    "classification": "classification",
    "creative_writing": "creative_writing",
    "extraction": "extraction",
    "knowledge_qa": "knowledge_qa",
    "math": "math",
    "summarization": "summarization",
    "code": "code_generation",
    "rewriting": "rewriting",
}
TRANSLATING = ("翻译", "译成", "译为")
"""BELLE files translations under rewriting."""
REPAIRING = ("错误", "有什么问题", "修复", "修改", "bug", "优化", "解释以下代码", "解释下面")
"""BELLE's code requests that begin from code that is there."""
WHY = ("为什么", "分析", "比较", "why ", "analyze", "analyse", "compare")
"""Openings that ask for reasons rather than for a fact: neither taught nor scored as a question of knowledge."""

USER_ORIENTED: dict[str, str] = {"math": "math", "rewriting": "rewriting"}

BENCHMARKS: dict[str, str] = {
    "bfcl": "agent",
    "livecodebench": "code_generation",
    "llmrouter_ulab/human_eval": "code_generation",
    "llmrouter_ulab/agentverse-mgsm": "math",
    "llmrouter_ulab/gsm8k": "math",
    "llmrouter_ulab/math": "math",
    "llmrouter_ulab": "knowledge_qa",
    "mmlu_pro/math": "math",
    "mmlu_pro": "knowledge_qa",
    "routerdc": "knowledge_qa",
    "swebench_verified": "code_debug",
    "vllm_sr_domain_cases": "knowledge_qa",
    "vllm_sr_domain_cases/math": "math",
    "zeroeval/math-l5": "math",
}
"""By the beginning of the source's name, the longest that fits. Source names that are not here are left out."""

COUNTED = tuple(
    f"{source}/{subject}"
    for source in ("mmlu_pro", "vllm_sr_domain_cases")
    for subject in ("business", "chemistry", "computer science", "engineering", "physics")
)
"""Subjects whose questions are as often sums as facts: `math` or `knowledge_qa`, so neither is taught or scored.
In more than two fifths of each one's questions stand two numbers; in no other subject but mathematics in a quarter."""

COMPLEXITY: dict[str, str] = {
    "livecodebench/atcoder-easy": "medium",
    "livecodebench/atcoder-medium": "complex",
    "livecodebench/atcoder-hard": "complex",
    "livecodebench/leetcode-easy": "simple",
    "livecodebench/leetcode-medium": "medium",
    "livecodebench/leetcode-hard": "complex",
    "livecodebench/codeforces-easy": "medium",
    "livecodebench/codeforces-hard": "complex",
    "llmrouter_ulab/human_eval": "simple",
    "llmrouter_ulab/gsm8k": "medium",
    "llmrouter_ulab/agentverse-mgsm": "medium",
    "llmrouter_ulab/trivia_qa": "simple",
    "llmrouter_ulab/natural_qa": "simple",
    "llmrouter_ulab/openbook_qa": "simple",
    "llmrouter_ulab/commonsense_qa": "simple",
    "llmrouter_ulab/arc_challenge": "simple",
    "zeroeval/math-l5": "complex",
    "mmlu_pro/math": "complex",
    "mmlu_pro/physics": "complex",
    "mmlu_pro/chemistry": "complex",
    "mmlu_pro/engineering": "complex",
    "mmlu_pro": "medium",
    "bfcl/executable_multiple_function": "simple",
    "bfcl/multiple_function": "simple",
    "bfcl/rest": "simple",
    "bfcl": "medium",
}
"""Difficulty as the benchmark declares it, or as its place among benchmarks says."""

CRITICAL: dict[str, bool] = {
    "mmlu_pro/health": True,
    "mmlu_pro/law": True,
    "mmlu_pro/math": False,
    "mmlu_pro/physics": False,
    "mmlu_pro/history": False,
    "mmlu_pro/philosophy": False,
    "mmlu_pro/computer science": False,
    "vllm_sr_domain_cases/law": True,
    "vllm_sr_domain_cases/health": True,
    "vllm_sr_domain_cases/": False,
    "livecodebench": False,
    "llmrouter_ulab/gsm8k": False,
    "llmrouter_ulab/trivia_qa": False,
    "llmrouter_ulab/natural_qa": False,
    "bfcl": False,
}
"""Subjects in which a wrong answer does harm (medicine, law) against subjects in which it does not."""

LICENCES: dict[str, str] = {
    "self_instruct_seed": "self-instruct seed tasks, Apache-2.0",
    "self_instruct_user_oriented": "self-instruct user-oriented tasks, Apache-2.0",
    "p3": "P3 (public pool of prompts), Apache-2.0, of it the data sets under permissive terms of their own",
    "vllm_sr_domain_cases": "vLLM semantic-router domain cases, Apache-2.0",
    "bfcl": "Berkeley function-calling leaderboard, Apache-2.0",
    "livecodebench": "LiveCodeBench, MIT",
    "llmrouter_ulab": "LLMRouter, MIT",
    "mmlu_pro": "MMLU-Pro, Apache-2.0",
    "zeroeval": "ZeroEval, Apache-2.0",
    "own": "written for this project, Apache-2.0",
}
MEASURED_ONLY: dict[str, str] = {
    "belle_eval": "BELLE evaluation set, for research only",
    "belle_zh_seed": "BELLE seed tasks, for research only",
    "routerdc": "C-Eval (CC-BY-NC-SA-4.0) and CMMLU (CC-BY-NC-4.0)",
    "swebench_verified": "SWE-bench site, CC-BY-NC-4.0",
}
"""Not permissively licensed: measured on, never learned from."""


P3_LEARNED: dict[str, str] = {
    "adversarial_qa": "CC-BY-SA-4.0",
    "amazon_polarity": "Apache-2.0",
    "cnn_dailymail": "Apache-2.0",
    "common_gen": "MIT",
    "commonsense_qa": "MIT",
    "dbpedia_14": "CC-BY-SA-3.0",
    "duorc": "MIT",
    "gigaword": "MIT",
    "kilt_tasks_hotpotqa": "MIT, CC-BY-SA-4.0",
    "paws": "free for any purpose",
    "quoref": "CC-BY-4.0",
    "wiki_bio": "CC-BY-SA-3.0",
}
"""The data sets of P3 that are learned from, with their terms. The others are under terms that bar commercial use, or
under none that are known: measured on only."""


P3_UNCLEAR = ("quoref_Guess_Title", "quoref_Read_And_Extract")
"""Templates that ask for a title, or to extract an answer: neither one task nor the other."""


def learnable(source: str, raw_label: str) -> bool:
    """Whether what ships may be learned from it."""
    if source == "p3":
        return any(raw_label.startswith(name) for name in P3_LEARNED)
    return source not in MEASURED_ONLY


def nearest(table: dict[str, Found], name: str) -> Found | None:
    """The entry whose key is the longest beginning of `name`."""
    fitting = [key for key in table if name.startswith(key)]
    return table[max(fitting, key=len)] if fitting else None
