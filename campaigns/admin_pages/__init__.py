"""The staff pages of what operators set up; ``campaigns.admin`` puts them into the admin."""
