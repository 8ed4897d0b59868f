"""The plain-text preview of messages with attachments."""

from library import mark

FILE = "https://www.expensify.com/chat-attachments/3/w_3.pdf"
VIDEO = "https://www.expensify.com/chat-attachments/2/w_2.mp4"


def preview(html):
    return mark("htmlToText", html)


def test_video_with_name():
    assert preview(f'<video data-expensify-source="{VIDEO}" data-expensify-duration="7">clip.mp4</video>') == "[Attachment]"


def test_video_without_name():
    assert preview(f'look: <video data-expensify-source="{VIDEO}"></video>') == "look: [Attachment]"


def test_file():
    assert preview(f'<a href="{FILE}" data-expensify-source="{FILE}">report.pdf</a>') == "[Attachment]"


def test_file_with_more_attributes():
    html = f'<a href="{FILE}" data-expensify-source="{FILE}" target="_blank">q3 report.pdf</a><br/>for you'
    assert preview(html) == "[Attachment]\nfor you"


def test_text_around_stays():
    html = f'see <a href="{FILE}" data-expensify-source="{FILE}">report.pdf</a> and <strong>thanks</strong> &amp; bye'
    assert preview(html) == "see [Attachment] and thanks & bye"


def test_two_files_are_two():
    one = f'<a href="{FILE}" data-expensify-source="{FILE}">one.pdf</a>'
    assert preview(f"{one} {one.replace('one', 'two')}") == "[Attachment] [Attachment]"


def test_image_as_before():
    assert preview('<img src="https://www.expensify.com/chat-attachments/1/w_1.png" alt="photo.png" />') == "[Attachment]"


def test_link_as_before():
    assert preview('<a href="https://example.com/report.pdf" target="_blank">report.pdf</a>') == "report.pdf"


def test_markdown_of_video_as_before():
    html = f'<video data-expensify-source="{VIDEO}">clip.mp4</video>'
    assert mark("htmlToMarkdown", html) == f"![clip.mp4]({VIDEO})"
