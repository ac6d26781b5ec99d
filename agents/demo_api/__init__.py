"""A scripted stand-in for the Messages API, for the demo and for tests.

It knows no model: words in the last prompt choose what it answers. One command a prompt:

    read hello.txt          the Read tool
    edit hello.txt          Read, then Edit of the first line (Write where there is no such file)
    write notes.md more.md  the Write tool, once for each file, in one message
    run bash git status     the Bash tool; "bash safe" is "git status", "bash ask" "touch demo.txt"
    subagent read hello.txt the Agent tool, with the rest as the subagent's prompt
    question                the AskUserQuestion tool
    markdown                headings, lists, a table and code
    hostile                 markup, escape sequences and bidi controls that must not take effect
    thinking                a thinking block before the answer
    long 2000               that many words (1,000 without a number, 50,000 at the most)
    error 429 twice         401, 403, 429, 500 or 529, for that many tries ("once", "5 times");
                            "error 429" always, "error 429 noretry" tells clients not to try again
    cut                     the connection breaks in the middle of the answer
    malformed               a stream with a broken event
    overload                a stream that ends with an error event; these three, too, take "once"
    stall 20                nothing for so many seconds, then an answer
    anything else           an explanation of all this

and, anywhere in the prompt, the usage to report (any of the five, the others are 0):

    usage in=1200 5m=200 1h=100 read=5000 out=77

After a tool's result it answers with a closing text, which says whether the tool was refused. Side
requests, for a title or a quota check, get a short valid answer. The package imports neither
Django nor Docker. Serve it with `manage.py run_demo_api`.
"""
