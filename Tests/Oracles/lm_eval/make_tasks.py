#!/usr/bin/env python3
"""Writes a small task set for lm-evaluation-harness, made for this project: no network, seconds to run.

    python3 Tests/Oracles/lm_eval/make_tasks.py FOLDER

Five domains of a hundred questions with four choices each, from the facts beside this script (mohd_geography, mohd_words,
mohd_nature, mohd_everyday, mohd_people); a hundred passages whose last word was said before (mohd_last_word, as LAMBADA
asks); and four texts by rolling log-likelihood (mohd_rolling). FOLDER receives the texts as JSON lines and a
YAML file for each task. Which choices stand beside an answer is drawn with a fixed seed from the answers of the same
kind; the same facts give the same bytes.
"""
import json
import pathlib
import random
import sys

here = pathlib.Path(__file__).resolve().parent
corpora = here.parents[2] / "notebooks-data" / "corpora"

PROMPTS = {
    "geography": "The capital of {} is",
    "words": "The opposite of {} is",
    "nature": "{} is a kind of",
    "everyday": "{} is used to",
    "people": "Someone who {} is called",
}
# Answers that could stand for each other: none of them is offered beside another one.
ALIKE = [
    {"a thief", "a bank robber", "a pirate"},
    {"a doctor", "a surgeon", "a nurse", "a dentist"},
    {"a biologist", "a botanist", "a zoologist"},
    {"a chemist", "a physicist", "a pharmacist"},
    {"a priest", "a monk", "a philosopher"},
    {"a sailor", "a captain", "a pirate", "an explorer"},
    {"a king", "a president", "a mayor", "an ambassador"},
    {"an engineer", "an architect", "an inventor"},
    {"a historian", "an archaeologist"},
    {"an author", "a poet", "a journalist", "an editor", "a translator"},
    {"a composer", "a conductor", "a pianist", "a singer"},
    {"a chef", "a baker", "a waiter"},
    {"a farmer", "a gardener", "a shepherd"},
    {"a police officer", "a detective", "a soldier", "a jailer"},
    {"a florist", "a gardener"},
    {"a potter", "a sculptor", "a mason"},
    {"keep warm in bed", "keep warm outdoors", "sleep at night", "rest the head", "warm a cold room"},
    {"keep off the rain", "stay dry in bad weather", "cover the head"},
    {"give light", "light a dark room without electricity", "start a fire"},
    {"bake bread", "cook meals", "brown slices of bread", "boil water"},
    {"cut food", "cut wood", "eat soup", "pick up pieces of food", "serve dinner"},
    {"write on paper", "put text on paper", "type letters", "paint pictures", "send a letter"},
    {"carry money", "carry water", "carry books to school", "pack clothes for a journey"},
    {"find the north", "find the way"},
    {"measure temperature", "measure length", "weigh things", "tell the time", "keep track of dates"},
    {"catch fish", "catch butterflies"},
    {"dry the body", "wipe the mouth", "wash dishes", "clean dirty clothes", "sweep the floor", "remove dust from carpets"},
    {"listen to the news", "play music", "watch shows", "run programs", "add numbers", "talk to people far away"},
    {"protect the head from injury", "cover the head", "protect the hand", "protect the foot"},
    {"go through a mountain", "cross a river"},
    {"drink tea", "hold wine", "eat soup"},
    {"dry", "bitter", "soft"}, {"slow", "late"}, {"small", "short", "narrow", "slender", "shallow"},
    {"weak", "soft"}, {"bad", "ugly", "rude", "wrong", "false"}, {"asleep", "dead"},
    {"difficult", "complex"}, {"dishonest", "false", "wrong"}, {"dirty", "ugly"}, {"rude", "selfish"},
    {"defeat", "failure", "loss"}, {"end", "bottom", "exit", "departure"}, {"answer", "lie"},
    {"death", "hell"}, {"back", "bottom"}, {"to finish", "to close"}, {"to leave", "to sell", "to lose"},
    {"to destroy", "to reject", "to hate"}, {"to fall", "to sink"},
]


def facts(domain):
    for line in (here / "facts" / f"{domain}.tsv").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            subject, answer, *kind = line.split("\t")
            yield subject, answer, kind


def questions(domain):
    """Four choices a question, the right one at any place."""
    draw = random.Random(f"mohd {domain}")
    all_facts = list(facts(domain))
    for subject, answer, kind in all_facts:
        alike = set().union({answer}, *(group for group in ALIKE if answer in group))
        others = sorted({other for _, other, its in all_facts if its == kind} - alike)
        choices = draw.sample(others, 3) + [answer]
        draw.shuffle(choices)
        yield {"question": PROMPTS[domain].format(subject), "choices": choices, "answer": choices.index(answer)}


NAMES = ["Anna", "Peter", "Maria", "Thomas", "Julia", "Robert", "Emma", "Daniel", "Laura", "Michael"]
THINGS = ["letter", "key", "ring", "coin", "book", "hat", "lamp", "map", "watch", "bottle"]
PLACES = ["kitchen", "garden", "cellar", "drawer", "box", "church", "library", "tower", "barn", "attic"]
ANIMALS = ["dog", "horse", "cat", "goat", "rabbit", "parrot", "donkey", "goose", "monkey", "bear"]
# Each says its last word before: {n} a name, {m} another one, {t} a thing, {p} a place, {a} an animal.
PASSAGES = [
    "{n} hid the {t} in the {p}. In the evening {m} asked where it was. \"I told you before,\" said {n}. \"It is in the|{p}",
    "{n} had lost a {t}. All day long {n} and {m} looked for it in the {p}, under the table and behind the door. At last {m} found the|{t}",
    "{n} and {m} walked to the {p} together. When it began to rain, {m} ran home and {n} stayed alone. An hour later {m} came back to look for|{n}",
    "There was once a {a} that lived near the {p}. Every morning {n} brought it bread and water. One morning the bread was still there, and nobody could find the|{a}",
    "\"Who broke the {t}?\" asked the teacher. Nobody answered. Then {m} pointed at {n}, who looked at the floor. \"I am sorry,\" said {n}. \"I broke the|{t}",
    "The {a} was afraid of the storm and ran into the {p}. {n} called it, but it would not come out of the|{p}",
    "{n} wanted to buy a {a}, but {m} did not like animals. They talked about it for a week. In the end they went to the market and came home with a|{a}",
    "\"{n}, where are you?\" cried {m}. The {p} was dark and silent. {m} lit the lamp and cried again, louder this time: \"Where are you,|{n}",
    "The old man gave {n} a {t} and said that it had belonged to a king. {n} laughed. \"How can a king have had such a small|{t}",
    "They drove to the {p} in the morning. {n} was tired and slept the whole way. \"Wake up,\" said {m} at last. \"We have arrived at the|{p}",
]


def passages():
    draw = random.Random("mohd last word")
    for passage in PASSAGES:
        for index in range(10):
            name, other = NAMES[index], draw.choice([one for one in NAMES if one != NAMES[index]])
            fill = {"n": name, "m": other, "t": THINGS[index], "p": PLACES[index], "a": ANIMALS[index]}
            text, last = (part.format(**fill) for part in passage.split("|"))
            yield {"text": text, "last": last}


def texts():
    """The texts that Tests/Tools/sample_split.sh leaves out of calibrations."""
    for domain in sorted(path for path in corpora.iterdir() if path.is_dir()):
        files = sorted(domain.glob("*.txt"))
        if len(files) > 1:
            yield {"text": files[0].read_text(encoding="utf-8")}


HEAD = """\
task: mohd_{name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {file}
test_split: test
"""
CHOICES = """\
output_type: multiple_choice
doc_to_text: question
doc_to_choice: choices
doc_to_target: answer
metric_list:
  - metric: acc
  - metric: acc_norm
"""
LAST_WORD = """\
output_type: loglikelihood
doc_to_text: text
doc_to_target: " {{last}}"
target_delimiter: ""
metric_list:
  - metric: perplexity
    aggregation: perplexity
    higher_is_better: false
  - metric: acc
"""
ROLLING = """\
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: text
metric_list:
  - metric: word_perplexity
  - metric: byte_perplexity
  - metric: bits_per_byte
"""


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    tasks = {domain: (questions(domain), CHOICES) for domain in PROMPTS}
    tasks["last_word"] = (passages(), LAST_WORD)
    tasks["rolling"] = (texts(), ROLLING)
    for name, (rows, settings) in tasks.items():
        file = folder.resolve() / f"mohd_{name}.jsonl"
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        (folder / f"mohd_{name}.yaml").write_text(
            HEAD.format(name=name, file=file) + settings + "metadata:\n  version: 1.0\n", encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
