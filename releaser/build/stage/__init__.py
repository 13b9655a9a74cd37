"""The build under way: where its files are until they are published, what its steps have found out, who is called.

`under_way` is what each step is given; open it first.
"""
