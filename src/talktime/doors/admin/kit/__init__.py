"""What pages are made of: sentences, tables, figures, fields, forms, actions, charts, files.

Everything from outside goes through `Markup.format` or `escape` before it becomes HTML; inputs have labels;
whatever a mouse does a keyboard does.
"""
